import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.kubernetes import KubernetesServer
from tests.scenario.demo import key_value_model


@pytest.fixture(autouse=True)
def kubernetes(
    kubernetes: KubernetesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> KubernetesServer:
    """The cluster that charms find, in which Juju has deployed both applications."""
    kubeconfig = str(kubernetes.write_kubeconfig(tmp_path / "kubeconfig"))
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    key_value_model.deploy(kubeconfig)
    return kubernetes


@pytest.fixture(autouse=True)
def on_host(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Moves the charm to the pod of this name; at the start it is on the coordinator's first one."""

    def run_on(host: str) -> None:
        monkeypatch.setattr(socket, "getfqdn", lambda *_: host)

    run_on(key_value_model.fqdn(key_value_model.COORDINATOR))
    return run_on
