"""The imports of the measured coordinator, from this repository."""

from coordinated_workers.coordinator import ClusterRolesConfig, Coordinator
from coordinated_workers.nginx import NginxConfig, NginxLocationConfig, NginxUpstream
from coordinated_workers.worker_telemetry import WorkerTelemetryProxyConfig

__all__ = [
    "ClusterRolesConfig",
    "Coordinator",
    "NginxConfig",
    "NginxLocationConfig",
    "NginxUpstream",
    "WorkerTelemetryProxyConfig",
]
