import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from coordinated_workers.readiness import Readiness, ServiceEndpointStatus
from sandbox.kubernetes import KubernetesServer
from tests.faults.changing_charm import ChangingCharm
from tests.faults.worlds import WORLDS, World
from tests.support.faulty_server import FaultyServer


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--thorough", action="store_true", help="each fault at each request, not one at each")


@pytest.fixture(scope="session")
def kubernetes(request: pytest.FixtureRequest) -> Iterator[KubernetesServer]:
    """The API behind the faults: the stand-in, or a real one if $CONTROL_PLANE is `real`."""
    if os.environ.get("CONTROL_PLANE") == "real":
        yield request.getfixturevalue("real_server")
        return
    with KubernetesServer() as kubernetes:
        yield kubernetes


@pytest.fixture(autouse=True)
def the_program_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Like a worker's container, without real processes."""
    ready = Readiness(ServiceEndpointStatus.up)
    monkeypatch.setattr("coordinated_workers.worker.probe", lambda *_, **__: ready)


@pytest.fixture(params=WORLDS, ids=str)
def world(request: pytest.FixtureRequest) -> World:
    return request.param


@pytest.fixture
def start(
    kubernetes: KubernetesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[World], ChangingCharm]]:
    """Deploys a charm beside a faulty API, by its world."""
    with ExitStack() as stack:

        def start(world: World) -> ChangingCharm:
            host = f"{world.app}-0.{world.app}-endpoints.m.svc.cluster.local"
            monkeypatch.setattr(socket, "getfqdn", lambda *_: host)
            kubernetes.access.restore()
            kubernetes.store.reset()
            kubernetes.controllers.waypoints.start()
            faulty = stack.enter_context(FaultyServer(kubernetes.url))
            monkeypatch.setenv("KUBECONFIG", str(faulty.write_kubeconfig(tmp_path / "faulty")))
            world.deploy(kubernetes.write_kubeconfig(tmp_path / "direct"))
            changing = ChangingCharm(world, kubernetes, faulty)
            stack.callback(changing.close)
            return changing

        yield start


@pytest.fixture
def changing(start: Callable[[World], ChangingCharm], world: World) -> ChangingCharm:
    return start(world)
