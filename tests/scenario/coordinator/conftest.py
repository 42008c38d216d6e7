from collections.abc import Iterator
from pathlib import Path

import pytest
from lightkube import Client, KubeConfig

from sandbox.kubernetes import KubernetesServer
from tests.scenario.coordinator.field_cluster import APP, CONTAINERS, HOST, MODEL, Cluster
from tests.unit.coordinated_workers.juju_application import create_application


@pytest.fixture(scope="package")
def kubernetes() -> Iterator[KubernetesServer]:
    with KubernetesServer() as server:
        yield server


@pytest.fixture
def cluster(kubernetes: KubernetesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    kubernetes.store.reset()
    kubernetes.access.restore()
    path = kubernetes.write_kubeconfig(tmp_path / "kubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.setattr("socket.getfqdn", lambda *_: HOST)
    client = Client(KubeConfig.from_file(path))
    create_application(client, MODEL.name, APP, *CONTAINERS)
    kubernetes.requests.clear()
    return Cluster(kubernetes, client, tmp_path)
