"""Kubernetes' own controllers, on an API server."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from ..children import own_folder
from ._connection import Connection
from ._kubernetes import RealKubernetes
from ._processes import Process, free_port
from ._programs import KUBE_CONTROLLER_MANAGER

STATEFUL_SETS = "statefulset-controller"
GARBAGE = "garbage-collector-controller"


class ControllerManager:
    """The real kube-controller-manager on an API server while its context lasts.

    Without a kubelet, its pods are only objects: a test that needs one Ready writes its status.

    Args:
        kubernetes: the API server, which has no controllers yet.
        controllers: the controllers to run, as its flag `--controllers` names them.

    Raises:
        NotAvailableError: on entry, if this machine cannot build it.
    """

    def __init__(self, kubernetes: RealKubernetes, *controllers: str):
        self._kubernetes = kubernetes
        self._controllers = controllers
        self._stack = ExitStack()

    def __enter__(self) -> ControllerManager:
        with ExitStack() as stack:
            self._start(stack, stack.enter_context(own_folder("controllers")))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self, stack: ExitStack, folder: Path) -> None:
        port = free_port()
        kubeconfig = self._kubernetes.write_kubeconfig(folder / "kubeconfig")
        command = [
            str(KUBE_CONTROLLER_MANAGER.build()),
            *(f"--kubeconfig={kubeconfig}", f"--controllers={','.join(self._controllers)}"),
            *(f"--secure-port={port}", "--bind-address=127.0.0.1", f"--cert-dir={folder}"),
            "--leader-elect=false",
            # By default it sends 20 requests a second, which keeps tests waiting.
            *("--kube-api-qps=1000", "--kube-api-burst=1000"),
        ]
        manager = stack.enter_context(Process(command, folder / "kube-controller-manager.log"))
        certificate = folder / "kube-controller-manager.crt"
        # The key is written after the certificate.
        manager.wait_until(certificate.with_suffix(".key").exists)
        health = Connection(f"https://127.0.0.1:{port}", authority=certificate.read_text())
        manager.wait_until(lambda: _answers(health))


def _answers(connection: Connection) -> bool:
    try:
        return connection.send("GET", "/healthz").code == 200
    except OSError:
        return False
