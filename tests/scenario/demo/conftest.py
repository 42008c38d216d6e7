import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.kubernetes import KubernetesServer
from tests.scenario.demo import key_value_model


@pytest.fixture(scope="module")
def server() -> Iterator[KubernetesServer]:
    with KubernetesServer() as server:
        yield server


@pytest.fixture(autouse=True)
def kubernetes(server: KubernetesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KubernetesServer:
    """A cluster in which Juju has deployed both applications, which is the one that charms find."""
    server.store.reset()
    server.access.restore()
    kubeconfig = str(server.write_kubeconfig(tmp_path / "kubeconfig"))
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    key_value_model.deploy(kubeconfig)
    return server


@pytest.fixture(autouse=True)
def on_host(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts the charm on the pod of this name; it is on the coordinator's first one at the start."""

    def run_on(host: str) -> None:
        monkeypatch.setattr(socket, "getfqdn", lambda *_: host)

    run_on(key_value_model.fqdn(key_value_model.COORDINATOR))
    return run_on
