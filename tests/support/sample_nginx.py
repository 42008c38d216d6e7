"""The sample coordinator's nginx, on ports of a test, with everything on one machine."""

import dataclasses
import importlib
from collections.abc import Mapping

from coordinated_workers.nginx import NginxConfig
from coordinated_workers.worker_telemetry import (
    ProxyServer,
    TelemetryBackends,
    WorkerTelemetryProxy,
    proxy_telemetry,
)
from tests.support.charms import load_charm

COORDINATOR = "demo-coordinator-k8s"


def sample_config(port: int, api_port: int) -> NginxConfig:
    """The configuration with users' port, and the one at which workers with the role `api` answer."""
    load_charm(COORDINATOR)
    kv_nginx = importlib.import_module("kv_nginx")  # it is beside the charm
    config: NginxConfig = kv_nginx.config("kv")
    return dataclasses.replace(
        config,
        worker_processes=1,
        upstream_configs=[dataclasses.replace(config.upstream_configs[0], port=api_port)],
        server_ports_to_locations={port: config.server_ports_to_locations[kv_nginx.API_PORT]},
    )


def any_machine(_: str) -> None:
    """Allow routes to this machine, where everything of a test runs."""


def proxy_at(
    port: int, backends: TelemetryBackends, *, workers: Mapping[str, str] | None = None, metrics_port: int = 1
) -> WorkerTelemetryProxy:
    """Return the proxies of the workers' telemetry, by name with their addresses, at one port without TLS."""
    return proxy_telemetry(
        workers or {},
        worker_metrics_port=metrics_port,
        backends=backends,
        server=ProxyServer("localhost", port, False),
        check_machine=any_machine,
    )
