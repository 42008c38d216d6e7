"""Which API charms find: the stand-in, or a real one if $CONTROL_PLANE says `real`."""

import os
from collections.abc import Iterator

import pytest

from sandbox.control_plane import NotAvailableError
from sandbox.kubernetes import KubernetesServer


@pytest.fixture(scope="session")
def server() -> Iterator[KubernetesServer]:
    if os.environ.get("CONTROL_PLANE") != "real":
        with KubernetesServer() as server:
            yield server
        return
    from tests.scenario.real.server import RealServer

    try:
        with RealServer() as server:
            yield server  # type: ignore[misc]
    except NotAvailableError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def kubernetes(server: KubernetesServer) -> KubernetesServer:
    """An empty cluster with Istio in it, in which everybody may do everything."""
    server.access.restore()
    server.store.reset()
    server.controllers.waypoints.start()
    server.requests.clear()
    return server
