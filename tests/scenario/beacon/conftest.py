import socket
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
    server.controllers.waypoints.start()
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


@pytest.fixture
def nobody_listens(beacon: BeaconModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send the beacon to a port of this machine where no Kubernetes is."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    answering = (tmp_path / "kubeconfig").read_text()
    silent = tmp_path / "silent"
    silent.write_text(answering.replace(beacon.kubernetes.url, f"http://127.0.0.1:{port}"))
    monkeypatch.setenv("KUBECONFIG", str(silent))
