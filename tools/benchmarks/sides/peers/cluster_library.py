"""The imports of the measured coordinator, as they are published."""

import logging
from pathlib import Path

from coordinated_workers import nginx
from coordinated_workers.coordinator import ClusterRolesConfig, Coordinator
from coordinated_workers.nginx import NginxConfig, NginxLocationConfig, NginxUpstream
from coordinated_workers.worker_telemetry import WorkerTelemetryProxyConfig

# Otherwise each line that the HTTP library logs is a call of a hook tool. Charms can do that themselves, so
# it does not count against the peers.
for _talkative in ("httpcore", "httpcore2", "httpx", "httpx2"):
    logging.getLogger(_talkative).setLevel(logging.WARNING)

# It also manages the certificate of its own container, which is this machine here.
nginx.CA_CERT_PATH = str(Path.cwd() / "ca.crt")

__all__ = [
    "ClusterRolesConfig",
    "Coordinator",
    "NginxConfig",
    "NginxLocationConfig",
    "NginxUpstream",
    "WorkerTelemetryProxyConfig",
]
