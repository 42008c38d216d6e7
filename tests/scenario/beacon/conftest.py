import socket
from pathlib import Path

import pytest

from sandbox.kubernetes import KubernetesServer
from tests.scenario.beacon.beacon_model import BeaconModel


@pytest.fixture
def kubernetes(
    kubernetes: KubernetesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> KubernetesServer:
    """The cluster is the one that charms find."""
    monkeypatch.setenv("KUBECONFIG", str(kubernetes.write_kubeconfig(tmp_path / "kubeconfig")))
    return kubernetes


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
