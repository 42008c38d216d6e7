from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.kubernetes import KubernetesServer
from tests.scenario.beacon.beacon_model import BeaconModel


@pytest.fixture(scope="module")
def server() -> Iterator[KubernetesServer]:
    with KubernetesServer() as server:
        yield server


@pytest.fixture
def kubernetes(server: KubernetesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KubernetesServer:
    """An empty cluster with Istio in it, which is the one that charms find."""
    server.store.reset()
    server.access.restore()
    kubeconfig = server.write_kubeconfig(tmp_path / "kubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    return server


@pytest.fixture
def beacon(kubernetes: KubernetesServer) -> BeaconModel:
    """A beacon that has settled."""
    beacon = BeaconModel(kubernetes)
    beacon.hook("config_changed")
    beacon.hook("update_status")
    return beacon
