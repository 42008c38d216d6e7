"""The API that charms find: the stand-in, or a real one if $CONTROL_PLANE is `real`."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TypeAlias

import pytest

from sandbox.kubernetes import KubernetesServer, ObjectChange
from tests.support.without_connections import without_connections

Observe: TypeAlias = Callable[[Callable[[ObjectChange], None]], None]


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[KubernetesServer]:
    if os.environ.get("CONTROL_PLANE") == "real":
        yield request.getfixturevalue("real_server")
        return
    with KubernetesServer() as server, without_connections(server):
        yield server


@pytest.fixture
def kubernetes(server: KubernetesServer) -> KubernetesServer:
    """An empty cluster with Istio, in which all users may do everything."""
    server.access.restore()
    server.store.reset()
    server.controllers.waypoints.start()
    server.controllers.stateful_sets.start()
    server.requests.clear()
    return server


@pytest.fixture
def observe(kubernetes: KubernetesServer) -> Iterator[Observe]:
    """Call a test's functions at each change in the cluster, until the test ends: the next one has the same
    server.
    """
    with ExitStack() as stack:

        def observe(observer: Callable[[ObjectChange], None]) -> None:
            stack.callback(kubernetes.store.observe(observer))

        yield observe
