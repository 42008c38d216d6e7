"""The models of the demo, and their contents."""

from pathlib import Path

from sandbox.enforcement import DataPlane
from sandbox.juju import Application
from sandbox.world import World

PORT = 8080
"""The port at which a coordinator serves keys, with TLS or without."""
KEY = "/kv/greeting"
"""The path of the key that is put and read."""
HALL, ANNEX, VAULT = "hall", "annex", "vault"
"""The models: of a cluster in the mesh, of others that it has to do with, and of a cluster with TLS."""


def file_of(worker: Application, path: str) -> str:
    """Return a file of a worker's first unit; empty if there is none."""
    file = Path(f"{worker.units[0].container('worker').root}{path}")
    return file.read_text() if file.exists() else ""


def running(world: World) -> DataPlane:
    """Return the running processes of a world.

    Raises:
        ValueError: if it runs none.
    """
    if world.enforcement is None:
        raise ValueError("nothing runs in this world")
    return world.enforcement


def ask(world: World, source: str, service: str, method: str) -> str:
    """Return the answer to an application's request for the key, by its status and text.

    Args:
        world: where processes run.
        source: the application, as `model/name`.
        service: the coordinator's Service, in the same way.
        method: of HTTP; a PUT writes a greeting.

    Raises:
        ValueError: if that world runs no processes.
    """
    return running(world).ask(source, service, PORT, method, KEY, b"hello" if method == "PUT" else None)
