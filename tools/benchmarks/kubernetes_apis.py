"""The Kubernetes APIs that charms are measured against."""

import os
import re
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from sandbox.control_plane import (
    ETCD,
    ISTIOD,
    KUBE_APISERVER,
    Connection,
    ControlPlaneError,
    NotAvailableError,
    StartedKubernetes,
)
from sandbox.kubernetes import KubernetesServer

from .delayed import delayed

_POLICIES = "/apis/security.istio.io/v1/namespaces/{model}/authorizationpolicies"
_VERB = re.compile(r'"verb":"(\w+)"')
_READS = ("GET", "get", "list", "watch")
_SERVERS = ("etcd", "kube-apiserver")
_TICKS = os.sysconf("SC_CLK_TCK")


class Used(NamedTuple):
    """The requests to an API, and their cost there."""

    requests: int
    writes: int
    cpu: float
    """Seconds, of the API and of where it keeps its objects."""

    def since(self, before: "Used") -> "Used":
        """Return the difference from earlier counts."""
        return Used(self.requests - before.requests, self.writes - before.writes, self.cpu - before.cpu)


class JoiningPod(NamedTuple):
    """A pod, as far as joining changes it."""

    uid: str
    in_mesh: bool


@dataclass(frozen=True)
class KubernetesApi:
    """A running pod."""

    name: str
    kubeconfig: Path
    used: Callable[[], Used]
    """So far."""

    @property
    def _admin(self) -> Connection:
        return Connection.of(self.kubeconfig)

    def make_model(self, model: str, *apps: str) -> None:
        """Create the objects of Juju for a model and its applications, without their pods."""
        self._admin.send("POST", "/api/v1/namespaces", {"metadata": {"name": model}})
        for app in apps:
            labels = {"app.kubernetes.io/name": app}
            template = {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "charm", "image": "charm"}]},
            }
            spec = {"serviceName": app, "selector": {"matchLabels": labels}, "template": template}
            metadata = {"name": app, "labels": labels}
            self._admin.send(
                "POST",
                f"/apis/apps/v1/namespaces/{model}/statefulsets",
                {"metadata": metadata, "spec": spec},
            )
            self._admin.send(
                "POST",
                f"/api/v1/namespaces/{model}/services",
                {"metadata": metadata, "spec": {"selector": labels, "ports": [{"port": 80}]}},
            )

    def make_ready(self, model: str) -> None:
        """Mark the pods of a model as Ready, as a kubelet does."""
        pods = f"/api/v1/namespaces/{model}/pods"
        status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        for pod in self._admin.must("GET", pods)["items"]:
            if pod.get("status", {}).get("phase") != "Running":
                path = f"{pods}/{pod['metadata']['name']}/status"
                patch = "application/merge-patch+json"
                self._admin.must("PATCH", path, {"status": status}, content_type=patch)

    def pods(self, model: str) -> dict[str, JoiningPod]:
        """Return the pod of each application of a model, which its StatefulSet creates."""
        found: dict[str, JoiningPod] = {}
        for pod in self._admin.must("GET", f"/api/v1/namespaces/{model}/pods")["items"]:
            metadata = pod["metadata"]
            labels = metadata["labels"]
            in_mesh = labels.get("istio.io/dataplane-mode") == "ambient"
            found[labels["app.kubernetes.io/name"]] = JoiningPod(metadata["uid"], in_mesh)
        return found

    def policies(self, model: str) -> dict[str, str]:
        """Return the version of each AuthorizationPolicy of a model, by name."""
        listed = self._admin.must("GET", _POLICIES.format(model=model))["items"]
        return {each["metadata"]["name"]: each["metadata"]["resourceVersion"] for each in listed}

    def delete_policies(self, model: str) -> None:
        """Delete all AuthorizationPolicies of a model."""
        self._admin.must("DELETE", _POLICIES.format(model=model))


@contextmanager
def stand_in(latency: float) -> Generator[KubernetesApi]:
    """The sandbox's API, each of whose answers takes `latency` seconds longer."""
    with KubernetesServer(latency=latency) as server, tempfile.TemporaryDirectory() as folder:
        # No controller reacts to objects: only the charms' part is measured.
        server.controllers.waypoints.stop()
        server.controllers.policies.stop()
        kubeconfig = server.write_kubeconfig(Path(folder, "kubeconfig"))

        def used() -> Used:
            methods = [request.method for request in list(server.requests)]
            return Used(len(methods), _writes(methods), time.process_time())

        yield KubernetesApi(f"stand-in +{latency * 1000:.0f} ms", kubeconfig, used)


@contextmanager
def kube_apiserver(latency: float) -> Generator[KubernetesApi]:
    """The real API with an etcd of its own, each of whose answers takes `latency` seconds longer."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        audit = folder / "audit.log"
        real = stack.enter_context(StartedKubernetes(audit_log=audit))
        real.install_custom_resources("security.istio.io", "gateway.networking.k8s.io")
        kubeconfig = real.write_kubeconfig(folder / "kubeconfig")
        if latency:
            port = urlsplit(real.admin.url).port or 443
            far = stack.enter_context(delayed(port, latency))
            kubeconfig.write_text(kubeconfig.read_text().replace(f":{port}", f":{far}"))

        def used() -> Used:
            verbs = _VERB.findall(audit.read_text())
            return Used(len(verbs), _writes(verbs), cpu_of(*_SERVERS))

        yield KubernetesApi(f"kube-apiserver +{latency * 1000:.0f} ms", kubeconfig, used)


def has_kube_apiserver() -> bool:
    """Return whether the real one was built on this machine."""
    try:
        return ETCD.is_built and KUBE_APISERVER.is_built
    except (ControlPlaneError, NotAvailableError):
        return False


def has_istiod() -> bool:
    """Return whether the real one was built on this machine, and an API server for it."""
    try:
        return has_kube_apiserver() and ISTIOD.is_built
    except (ControlPlaneError, NotAvailableError):
        return False


def _writes(verbs: list[str]) -> int:
    return sum(verb not in _READS for verb in verbs)


def descendants(process: int) -> Iterator[tuple[int, str]]:
    """Return the processes that a process has started, and those that they have, each with its name."""
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            yield child, Path(f"/proc/{child}/comm").read_text().strip()
            yield from descendants(child)


def cpu_of(*names: str) -> float:
    """Return the CPU seconds of the running programs of these names that this process has started."""
    ticks = 0
    for process, name in descendants(os.getpid()):
        if name in names:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS
