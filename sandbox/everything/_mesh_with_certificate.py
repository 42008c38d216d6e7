"""A coordinator with a certificate that joins the mesh: there it serves HTTP, which ztunnel encrypts."""

from sandbox import samples
from sandbox.samples import BEACON, COORDINATOR
from sandbox.world import World

from ._certificates import served
from ._models import KEY, VAULT, ask


def join_mesh(world: World) -> None:
    """Put the cluster with a certificate, and its shop, into the mesh."""
    vault = world.model(VAULT)
    samples.deploy(vault, BEACON)
    for app in (COORDINATOR, "shop"):
        vault.integrate(f"{app}:service-mesh", BEACON)


def not_as_declared(world: World) -> list[str]:
    """Return the differences between the coordinator's policies and the answers to its shop, in words.

    Raises:
        ValueError: if that world runs no processes.
    """
    vault = world.model(VAULT)
    wrong: list[str] = []
    for method, declared in (("PUT", "20"), ("GET", "200"), ("DELETE", "403")):
        answer = ask(world, f"{VAULT}/shop", f"{VAULT}/{COORDINATOR}", method)
        if not answer.startswith(declared):
            wrong.append(f"{method} {KEY} should be answered by {declared}, but is by {answer}")
    if served(world, vault):
        wrong.append(f"{COORDINATOR} serves TLS, which its waypoint cannot look into")
    return wrong
