"""Which API charms find: the stand-in, or a real one if $CONTROL_PLANE says `real`."""

import os
from collections.abc import Iterator

import pytest

from sandbox.kubernetes import KubernetesServer


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[KubernetesServer]:
    if os.environ.get("CONTROL_PLANE") == "real":
        yield request.getfixturevalue("real_server")
        return
    with KubernetesServer() as server:
        yield server


@pytest.fixture
def kubernetes(server: KubernetesServer) -> KubernetesServer:
    """An empty cluster with Istio in it, in which everybody may do everything."""
    server.access.restore()
    server.store.reset()
    server.controllers.waypoints.start()
    server.requests.clear()
    return server
