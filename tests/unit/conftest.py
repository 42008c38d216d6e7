"""A Kubernetes API and its clients."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lightkube import Client, KubeConfig

from sandbox.kubernetes import KubernetesServer


@pytest.fixture(scope="session")
def server() -> Iterator[KubernetesServer]:
    with KubernetesServer() as server:
        yield server


@pytest.fixture
def kubernetes(server: KubernetesServer) -> KubernetesServer:
    """Empty, except for the namespaces `m` and `n`."""
    server.store.reset()
    server.access.restore()
    for name in ("m", "n"):
        server.store.create(server.store.kind("Namespace"), {"metadata": {"name": name}})
    server.requests.clear()
    return server


@pytest.fixture
def connect(server: KubernetesServer, tmp_path: Path):
    """Makes clients by the name of their field manager."""

    def connect(field_manager: str) -> Client:
        config = KubeConfig.from_file(server.write_kubeconfig(tmp_path / "config", namespace="m"))
        return Client(config, field_manager=field_manager)  # type: ignore[arg-type]

    return connect


@pytest.fixture
def client(connect, kubernetes: KubernetesServer) -> Client:
    return connect("beacon")
