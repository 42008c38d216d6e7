"""The workers' telemetry through the coordinator's nginx, under its published name and with its functions.

Nothing here uses the functions; charms written for the published library import them.
"""

from collections.abc import Iterable

import ops

import relation_data
from cos_interfaces import authority

from .interfaces.databags import RemoteWriteEndpoint
from .nginx import NginxLocationConfig as NginxLocationConfig
from .nginx import NginxUpstream as NginxUpstream
from .telemetry.locations import UPSTREAM_PREFIX
from .telemetry.proxy import ProxyServer, WorkerTelemetryProxy, proxy_telemetry
from .telemetry.routes import (
    PROXY_WORKER_TELEMETRY_PATHS,
    TelemetryBackends,
    TelemetryKind,
    TelemetryRoute,
    WorkerTelemetryProxyConfig,
)

__all__ = [
    "PROXY_WORKER_TELEMETRY_PATHS",
    "PROXY_WORKER_TELEMETRY_UPSTREAM_PREFIX",
    "UPSTREAM_PREFIX",
    "ProxyServer",
    "TelemetryBackends",
    "TelemetryKind",
    "TelemetryRoute",
    "WorkerTelemetryProxy",
    "WorkerTelemetryProxyConfig",
    "proxy_loki_endpoints_by_unit",
    "proxy_remote_write_endpoints",
    "proxy_telemetry",
    "proxy_tracing_receivers_urls",
]

PROXY_WORKER_TELEMETRY_UPSTREAM_PREFIX = UPSTREAM_PREFIX


def proxy_loki_endpoints_by_unit(
    hostname: str,
    proxy_worker_telemetry_port: int,
    tls_available: bool,
    logging_relations: Iterable[ops.Relation],
) -> dict[str, str]:
    """Return where workers push logs at the coordinator, by the name of the Loki unit that gets them."""
    origin = _origin(hostname, proxy_worker_telemetry_port, tls_available)
    path = PROXY_WORKER_TELEMETRY_PATHS["logging"]
    names: list[str] = []
    for relation in logging_relations:
        names += [unit.name for unit in relation.units if _takes_logs(relation, unit)]
    return {name: origin + path.format(unit=name.replace("/", "-")) for name in names}


def _takes_logs(relation: ops.Relation, unit: ops.Unit) -> bool:
    try:
        return "endpoint" in relation_data.read(relation, unit)
    except relation_data.DatabagError:
        return False


def proxy_remote_write_endpoints(
    hostname: str,
    proxy_worker_telemetry_port: int,
    tls_available: bool,
    endpoints: list[RemoteWriteEndpoint],
) -> list[RemoteWriteEndpoint]:
    """Return where workers push metrics at the coordinator, which passes them on to these endpoints."""
    proxy = proxy_telemetry(
        {},
        TelemetryBackends(remote_write=tuple(endpoint["url"] for endpoint in endpoints)),
        worker_metrics_port=proxy_worker_telemetry_port,
        server=ProxyServer(hostname, proxy_worker_telemetry_port, tls_available),
    )
    return [{"url": url} for url in proxy.backends.remote_write]


def proxy_tracing_receivers_urls(
    hostname: str,
    proxy_worker_telemetry_port: int,
    tls_available: bool,
    tracing_target_type: TelemetryKind,
    protocols: list[str],
) -> dict[str, str]:
    """Return where workers send traces at the coordinator, by protocol."""
    origin = _origin(hostname, proxy_worker_telemetry_port, tls_available)
    path = PROXY_WORKER_TELEMETRY_PATHS[tracing_target_type]
    return {protocol: origin + path.format(protocol=protocol) for protocol in protocols}


def _origin(hostname: str, port: int, tls: bool) -> str:
    return f"{'https' if tls else 'http'}://{authority(hostname, port)}"
