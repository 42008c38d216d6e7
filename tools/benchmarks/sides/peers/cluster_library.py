"""The imports of the measured coordinator, as they are published."""

import logging
from pathlib import Path

from coordinated_workers import nginx
from coordinated_workers.coordinator import ClusterRolesConfig, Coordinator
from coordinated_workers.nginx import NginxConfig, NginxLocationConfig, NginxUpstream
from coordinated_workers.worker_telemetry import WorkerTelemetryProxyConfig

# Else each line that the HTTP library logs of a request is a call of a hook tool. Charms can see to that
# themselves, so it is not held against the peers.
for _talkative in ("httpcore", "httpcore2", "httpx", "httpx2"):
    logging.getLogger(_talkative).setLevel(logging.WARNING)

# It also looks after the certificate of its own container, which here is the machine that this runs on.
nginx.CA_CERT_PATH = str(Path.cwd() / "ca.crt")

__all__ = [
    "ClusterRolesConfig",
    "Coordinator",
    "NginxConfig",
    "NginxLocationConfig",
    "NginxUpstream",
    "WorkerTelemetryProxyConfig",
]
