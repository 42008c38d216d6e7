"""The number of databags: `HYPOTHESIS_PROFILE=slow` for ten thousand and more."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from coordinated_workers.nginx import NginxConfig
from coordinated_workers.readiness import Readiness, ServiceEndpointStatus
from sandbox.kubernetes import KubernetesServer
from tests.security.attack import Attack
from tests.security.worlds import World, fqdn
from tests.support.certificates import write_certificate
from tests.support.nginx_process import platform_of
from tests.support.without_connections import without_connections

_COMMON = {
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
    "print_blob": True,
}
settings.register_profile("quick", max_examples=14, derandomize=True, **_COMMON)
# for each of 25 relations: ten thousand databags and more
settings.register_profile("slow", max_examples=410, phases=(Phase.explicit, Phase.generate), **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(scope="session")
def server() -> Iterator[KubernetesServer]:
    with KubernetesServer() as server, without_connections(server):
        yield server


@pytest.fixture
def kubernetes(server: KubernetesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KubernetesServer:
    """The cluster that charms find, which is empty."""
    server.access.restore()
    server.store.reset()
    monkeypatch.setenv("KUBECONFIG", str(server.write_kubeconfig(tmp_path / "kubeconfig")))
    return server


@pytest.fixture(autouse=True)
def the_program_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Like a worker's container, without real processes."""
    ready = Readiness(ServiceEndpointStatus.up)
    monkeypatch.setattr("coordinated_workers.worker.probe", lambda *_, **__: ready)


@pytest.fixture
def attack(
    kubernetes: KubernetesServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[World, str], Attack]:
    """Deploys a charm, with all of its relations, and has one of them attacked."""

    def start(world: World, endpoint: str) -> Attack:
        monkeypatch.setattr(socket, "getfqdn", lambda *_: fqdn(world.app))
        monkeypatch.chdir(world.folder)
        monkeypatch.setattr(NginxConfig, "platform", platform_of(tmp_path))
        write_certificate(tmp_path)
        world.deploy(os.environ["KUBECONFIG"])
        return Attack(world, endpoint, tmp_path)

    return start
