"""The Kubernetes APIs that charms are measured against."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.control_plane import (
    KUBE_APISERVER,
    Connection,
    ControlPlaneError,
    NotAvailableError,
    StartedKubernetes,
)
from sandbox.kubernetes import KubernetesServer, LoggedRequest

from .delayed import delayed

_POLICIES = "/apis/security.istio.io/v1/namespaces/{model}/authorizationpolicies"


@dataclass(frozen=True)
class KubernetesApi:
    """One that runs."""

    name: str
    kubeconfig: Path
    requests: list[LoggedRequest] | None
    """The requests so far; None if the API does not tell."""

    @property
    def _admin(self) -> Connection:
        return Connection.of(self.kubeconfig)

    def make_model(self, model: str, *apps: str) -> None:
        """Make what Juju makes of a model and its applications, without their pods."""
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

    def delete_policies(self, model: str) -> None:
        """Delete all AuthorizationPolicies of a model."""
        self._admin.must("DELETE", _POLICIES.format(model=model))


@contextmanager
def stand_in(latency: float) -> Iterator[KubernetesApi]:
    """The sandbox's, each of whose answers takes `latency` seconds longer."""
    with KubernetesServer(latency=latency) as server, tempfile.TemporaryDirectory() as folder:
        # Nobody answers to objects: what is measured is the charms' part.
        server.controllers.waypoints.stop()
        server.controllers.policies.stop()
        kubeconfig = server.write_kubeconfig(Path(folder, "kubeconfig"))
        yield KubernetesApi(f"stand-in +{latency * 1000:.0f} ms", kubeconfig, server.requests)


@contextmanager
def kube_apiserver(latency: float) -> Iterator[KubernetesApi]:
    """The real one, with an etcd of its own, and a way to it that takes `latency` seconds longer."""
    with StartedKubernetes() as real, tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        real.install_custom_resources("security.istio.io", "gateway.networking.k8s.io")
        kubeconfig = real.write_kubeconfig(Path(folder, "kubeconfig"))
        if latency:
            port = urlsplit(real.admin.url).port or 443
            far = stack.enter_context(delayed(port, latency))
            kubeconfig.write_text(kubeconfig.read_text().replace(f":{port}", f":{far}"))
        yield KubernetesApi(f"kube-apiserver +{latency * 1000:.0f} ms", kubeconfig, None)


def has_kube_apiserver() -> bool:
    """Whether the real one was built on this machine."""
    try:
        return KUBE_APISERVER.is_built
    except (ControlPlaneError, NotAvailableError):
        return False
