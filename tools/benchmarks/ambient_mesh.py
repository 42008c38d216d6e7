"""Models in the mesh of a real istiod, with a waypoint and a ztunnel that count received data."""

import os
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from lightkube import Client, KubeConfig
from lightkube.models.core_v1 import Container, PodSpec, ServicePort, ServiceSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, Pod, Service

from sandbox.control_plane import Connection, Istiod, StartedKubernetes, Waypoints

from .kubernetes_apis import cpu_of, descendants
from .xds import ADDRESSES, AUTHORIZATIONS, CLUSTERS, LISTENERS, XdsClient, connected

_WAYPOINT = "waypoint"
_POLICIES = "/apis/security.istio.io/v1/authorizationpolicies"
_GATEWAYS = "/apis/gateway.networking.k8s.io/v1/namespaces/{}/gateways"
_PODS = "/api/v1/namespaces/{}/pods?labelSelector=gateway.networking.k8s.io%2Fgateway-name"
_PROGRAM = "pilot-discovery"
_PATIENCE = 1800.0
_AT_A_TIME = 8

Json = dict[str, Any]
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class MeshApp:
    """An application, which has a Service and a pod."""

    name: str
    model: str
    address: str
    """The pod's."""

    @property
    def host(self) -> bytes:
        """Its Service's name in the cluster."""
        return f"{self.name}.{self.model}.svc.cluster.local".encode()


@dataclass(frozen=True)
class AmbientMesh:
    """The process, while it runs."""

    apps: Sequence[MeshApp]

    client: Client
    admin: Connection
    waypoint: XdsClient
    """The first model's."""
    ztunnel: XdsClient
    cpu: Callable[[], float]
    """The CPU seconds that istiod has used."""

    def write_all(self, write: Callable[[_Item], object], items: Iterable[_Item]) -> None:
        """Write several at a time, after the first."""
        first, *others = items
        # lightkube compiles what reads an answer when it first does; two threads that do so at once crash.
        write(first)
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            for _ in pool.map(write, others):
                pass

    def wait_for_statuses(self) -> None:
        """Wait until istiod has written a status on each policy.

        Raises:
            RuntimeError: it does not become true in time.
        """
        wait_until(lambda: all(map(_has_status, self.admin.must("GET", _POLICIES)["items"])), 2)

    def memory(self) -> float:
        """Return istiod's resident memory, in MB."""
        [process] = _istiods()
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def wait_until(happened: Callable[[], bool], every: float = 0.2) -> None:
    """Wait until a condition is true.

    Raises:
        RuntimeError: it does not become true in time.
    """
    end = time.monotonic() + _PATIENCE
    while not happened():
        if time.monotonic() > end:
            raise RuntimeError(f"not done after {_PATIENCE:.0f} s")
        time.sleep(every)


@contextmanager
def ambient_mesh(size: int, models: int) -> Generator[AmbientMesh]:
    """Start a control plane, and a number of applications in a number of models, without policies."""
    apps = [
        MeshApp(f"app-{number}", f"model-{number % models}", f"10.244.{number // 250}.{number % 250 + 1}")
        for number in range(size)
    ]
    first = apps[0].model
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kubernetes = stack.enter_context(StartedKubernetes())
        istiod = stack.enter_context(Istiod(kubernetes))
        stack.enter_context(Waypoints(kubernetes.admin))
        config = KubeConfig.from_file(str(kubernetes.write_kubeconfig(folder / "kubeconfig")))
        client = Client(config, field_manager="bench", trust_env=False)
        for model in {app.model for app in apps}:
            labels = {"istio.io/use-waypoint": _WAYPOINT}
            client.create(Namespace(metadata=ObjectMeta(name=model, labels=labels)))
            kubernetes.admin.must("POST", _GATEWAYS.format(model), _gateway())
        wait_until(lambda: bool(_addresses(kubernetes.admin, first)))
        [address] = _addresses(kubernetes.admin, first)
        node = f"waypoint~{address}~{_WAYPOINT}-1.{first}~{first}.svc.cluster.local"
        waypoint = stack.enter_context(
            connected(istiod.discovery_address, node, (CLUSTERS, LISTENERS), **_metadata(_WAYPOINT, first))
        )
        node = "ztunnel~10.0.0.1~ztunnel.istio-system~istio-system.svc.cluster.local"
        ztunnel = stack.enter_context(
            connected(
                istiod.discovery_address,
                node,
                (ADDRESSES, AUTHORIZATIONS),
                **_metadata("ztunnel", "istio-system"),
            )
        )
        mesh = AmbientMesh(apps, client, kubernetes.admin, waypoint, ztunnel, lambda: cpu_of(_PROGRAM))
        mesh.write_all(client.create, map(_service, apps))
        mesh.write_all(client.create, map(_pod, apps))
        mesh.write_all(partial(_make_ready, client), apps)
        waypoint.wait_for([app for app in apps if app.model == first][-1].host, _PATIENCE)
        ztunnel.wait_for(apps[-1].host, _PATIENCE)
        ztunnel.wait_until_quiet(2)
        yield mesh


def _metadata(account: str, namespace: str) -> dict[str, str]:
    versions = {"ISTIO_VERSION": "1.31.0", "CLUSTER_ID": "Kubernetes"}
    return {**versions, "NAMESPACE": namespace, "SERVICE_ACCOUNT": account}


def _gateway() -> Json:
    listener: Json = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": _WAYPOINT, "labels": {"istio.io/waypoint-for": "service"}},
        "spec": {"gatewayClassName": "istio-waypoint", "listeners": [listener]},
    }


def _addresses(admin: Connection, model: str) -> list[str]:
    pods = admin.must("GET", _PODS.format(model))["items"]
    return [pod["status"]["podIP"] for pod in pods if pod.get("status", {}).get("podIP")]


def _service(app: MeshApp) -> Service:
    return Service(
        metadata=ObjectMeta(name=app.name, namespace=app.model),
        spec=ServiceSpec(selector={"app.kubernetes.io/name": app.name}, ports=[ServicePort(80, name="http")]),
    )


def _pod(app: MeshApp) -> Pod:
    labels = {"app.kubernetes.io/name": app.name, "istio.io/dataplane-mode": "ambient"}
    marks = {"ambient.istio.io/redirection": "enabled"}
    return Pod(
        metadata=ObjectMeta(name=app.name, namespace=app.model, labels=labels, annotations=marks),
        spec=PodSpec(containers=[Container("charm", image="charm")], serviceAccountName=app.name),
    )


def _make_ready(client: Client, app: MeshApp) -> None:
    ready = [{"type": "Ready", "status": "True"}]
    status: Json = {"phase": "Running", "podIP": app.address, "podIPs": [{"ip": app.address}]}
    client.patch(Pod.Status, app.name, {"status": {**status, "conditions": ready}}, namespace=app.model)


def _has_status(policy: Json) -> bool:
    status: Json = policy.get("status") or {}
    return bool(status.get("conditions"))


def _istiods() -> list[int]:
    return [process for process, name in descendants(os.getpid()) if name == _PROGRAM]
