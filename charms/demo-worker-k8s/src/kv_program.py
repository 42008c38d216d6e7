"""The workload in its container: the program that this charm brings, and its Pebble layer."""

import hashlib
import logging
import socket

import ops

import kv_workload
import kv_zipapp
from coordinated_workers.worker import CONFIG_FILE, Worker
from cos_interfaces import authority

logger = logging.getLogger(__name__)

CONTAINER = "worker"
PATH = "/opt/demo-worker/workload.pyz"
PROGRAM = kv_zipapp.build()

_PORT = 8080


def install(container: ops.Container) -> None:
    """Push this charm's program into the container, if the container can be reached."""
    if not container.can_connect():
        return
    try:
        if not container.exists(PATH) or container.pull(PATH, encoding=None).read() != PROGRAM:
            container.push(PATH, PROGRAM, make_dirs=True)
    except ops.pebble.Error as error:
        logger.warning("cannot push the program into container %s: %s", container.name, error)


def layer(charm: ops.CharmBase, roles: list[str]) -> ops.pebble.Layer:
    """Return the Pebble layer that runs the program in these roles, with its Juju identity."""
    environment = {
        "JUJU_MODEL": charm.model.name,
        "JUJU_MODEL_UUID": charm.model.uuid,
        "JUJU_APPLICATION": charm.app.name,
        "JUJU_UNIT": charm.unit.name,
        "JUJU_CHARM": charm.meta.name,
        # Pebble restarts services whose plan has changed; the program itself is not in the plan.
        "PROGRAM_SHA256": hashlib.sha256(PROGRAM).hexdigest(),
    }
    return ops.pebble.Layer(
        {
            "summary": "key-value service",
            "services": {
                CONTAINER: {
                    "override": "replace",
                    "summary": "worker of the key-value service",
                    "command": f"python3 {PATH} --config {CONFIG_FILE} --roles {','.join(roles)}",
                    "startup": "enabled",
                    "environment": environment,
                    "kill-delay": f"{kv_workload.DRAIN_SECONDS + kv_workload.FLUSH_SECONDS + 2}s",
                }
            },
        }
    )


def readiness_url(worker: Worker) -> str:
    """Return the URL of the program's readiness check, by the name in its certificate."""
    scheme = "https" if worker.cluster.get_tls_data() else "http"
    return f"{scheme}://{authority(socket.getfqdn(), _PORT)}/healthz"
