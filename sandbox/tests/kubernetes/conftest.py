from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lightkube import Client, KubeConfig

from sandbox.kubernetes import KubernetesServer, ObjectStore

Connect = Callable[..., Client]


@pytest.fixture(scope="session")
def server() -> Iterator[KubernetesServer]:
    with KubernetesServer() as server:
        yield server


@pytest.fixture
def kubernetes(server: KubernetesServer) -> Iterator[KubernetesServer]:
    """A new cluster with the namespace `m`."""
    server.store.reset()
    server.store.create("Namespace", {"metadata": {"name": "m"}})
    server.requests.clear()
    yield server
    server.latency = 0
    server.access.restore()
    server.controllers.start()


@pytest.fixture
def store(kubernetes: KubernetesServer) -> ObjectStore:
    return kubernetes.store


@pytest.fixture
def connect(kubernetes: KubernetesServer, tmp_path: Path) -> Connect:
    """Makes clients by the name of their user."""

    def connect(user: str = "admin") -> Client:
        kubeconfig = kubernetes.write_kubeconfig(tmp_path / user, user=user, namespace="m")
        return Client(KubeConfig.from_file(kubeconfig), field_manager=user)  # type: ignore[arg-type]

    return connect


@pytest.fixture
def client(connect: Connect) -> Client:
    return connect()
