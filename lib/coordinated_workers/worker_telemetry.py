"""The workers' telemetry through the coordinator's nginx, under its published name."""

from .telemetry.proxy import (
    PROXY_WORKER_TELEMETRY_PATHS,
    UPSTREAM_PREFIX,
    TelemetryBackends,
    TelemetryKind,
    TelemetryRoute,
    WorkerTelemetryProxy,
    WorkerTelemetryProxyConfig,
    proxy_telemetry,
)

__all__ = [
    "PROXY_WORKER_TELEMETRY_PATHS",
    "UPSTREAM_PREFIX",
    "TelemetryBackends",
    "TelemetryKind",
    "TelemetryRoute",
    "WorkerTelemetryProxy",
    "WorkerTelemetryProxyConfig",
    "proxy_telemetry",
]
