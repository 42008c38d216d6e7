from pathlib import Path

import pytest
from lightkube import Client, KubeConfig

from sandbox.kubernetes import KubernetesServer
from tests.scenario.coordinator.field_cluster import APP, CONTAINERS, HOST, MODEL, Cluster
from tests.support.juju_application import create_application


@pytest.fixture
def cluster(kubernetes: KubernetesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    path = kubernetes.write_kubeconfig(tmp_path / "kubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.setattr("socket.getfqdn", lambda *_: HOST)
    client = Client(KubeConfig.from_file(path))
    create_application(client, MODEL.name, APP, *CONTAINERS)
    kubernetes.requests.clear()
    return Cluster(kubernetes, client, tmp_path)
