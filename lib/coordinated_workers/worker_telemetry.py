"""The workers' telemetry through the coordinator's nginx, under its published name."""

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
    "UPSTREAM_PREFIX",
    "ProxyServer",
    "TelemetryBackends",
    "TelemetryKind",
    "TelemetryRoute",
    "WorkerTelemetryProxy",
    "WorkerTelemetryProxyConfig",
    "proxy_telemetry",
]
