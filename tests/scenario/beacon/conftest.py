import socket
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from ops import testing

from sandbox.kubernetes import KubernetesServer, Snapshot
from tests.scenario.beacon.beacon_model import BeaconModel


class Settled(NamedTuple):
    objects: Snapshot
    state: testing.State
    since: float
    """The time by the monotonic clock."""


@pytest.fixture
def kubernetes(
    kubernetes: KubernetesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> KubernetesServer:
    """The cluster is the one that charms find."""
    monkeypatch.setenv("KUBECONFIG", str(kubernetes.write_kubeconfig(tmp_path / "kubeconfig")))
    return kubernetes


@pytest.fixture(scope="session")
def settled() -> list[Settled]:
    """What Kubernetes and Juju know of the beacon that settled last; empty if none has."""
    return []


@pytest.fixture
def beacon(kubernetes: KubernetesServer, settled: list[Settled]) -> BeaconModel:
    """A beacon that has settled; on the stand-in, one settles for all tests of a minute.

    Some of them need a waypoint that is younger than the option `ready-timeout`.
    """
    if settled and time.monotonic() - settled[-1].since <= 60:
        kubernetes.store.restore(settled[-1].objects)
        beacon = BeaconModel(kubernetes)
        beacon.state = settled[-1].state
        return beacon
    beacon = BeaconModel(kubernetes)
    beacon.hook("config_changed")
    beacon.hook("update_status")
    if isinstance(kubernetes, KubernetesServer):
        settled[:] = [Settled(kubernetes.store.snapshot(), beacon.state, time.monotonic())]
    return beacon


@pytest.fixture
def no_api(beacon: BeaconModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the beacon a port of this machine without a Kubernetes API."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    answering = (tmp_path / "kubeconfig").read_text()
    silent = tmp_path / "silent"
    silent.write_text(answering.replace(beacon.kubernetes.url, f"http://127.0.0.1:{port}"))
    monkeypatch.setenv("KUBECONFIG", str(silent))
