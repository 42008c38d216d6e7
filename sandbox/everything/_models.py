"""The models of the story, and what there is in them."""

from pathlib import Path

from sandbox.enforcement import DataPlane
from sandbox.juju import Application
from sandbox.world import World

HALL, ANNEX, VAULT = "hall", "annex", "vault"
"""The models: of a cluster in the mesh, of others that it has to do with, and of a cluster with TLS."""


def file_of(worker: Application, path: str) -> str:
    """Return a file of a worker's first unit; empty if there is none."""
    file = Path(f"{worker.units[0].container('worker').root}{path}")
    return file.read_text() if file.exists() else ""


def running(world: World) -> DataPlane:
    """Return what runs in a world.

    Raises:
        ValueError: if nothing does.
    """
    if world.enforcement is None:
        raise ValueError("nothing runs in this world")
    return world.enforcement
