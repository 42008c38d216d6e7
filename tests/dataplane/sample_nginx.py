"""What the sample coordinator has its nginx do, on ports of a test."""

import dataclasses
import importlib

from coordinated_workers.nginx import NginxConfig
from tests.charms import load_charm

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
