from collections.abc import Iterator
from pathlib import Path

import pytest
from lightkube import Client, KubeConfig

from sandbox.kubernetes import KubernetesServer
from tests.scenario.coordinator.field_cluster import APP, HOST, MODEL, Cluster
from tests.unit.coordinated_workers.juju_application import create_application


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setattr("socket.getfqdn", lambda: HOST)
    with KubernetesServer() as server:
        path = server.write_kubeconfig(tmp_path / "kubeconfig")
        monkeypatch.setenv("KUBECONFIG", str(path))
        client = Client(KubeConfig.from_file(path))
        create_application(client, MODEL.name, APP, "nginx", "nginx-prometheus-exporter")
        server.requests.clear()
        yield Cluster(server, client)
