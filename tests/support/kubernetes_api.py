"""The API under test, the stand-in or a real one, and the objects that are sent to it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightkube import Client, KubeConfig
from lightkube.generic_resource import create_namespaced_resource

from sandbox.control_plane import ApiAnswer, Connection

UNPRIVILEGED = "unprivileged"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"

AuthorizationPolicy = create_namespaced_resource(
    "security.istio.io", "v1", "AuthorizationPolicy", "authorizationpolicies"
)

_PATHS = {
    "ConfigMap": ("/api/v1", "configmaps"),
    "Secret": ("/api/v1", "secrets"),
    "Service": ("/api/v1", "services"),
    "Pod": ("/api/v1", "pods"),
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    "StatefulSet": ("/apis/apps/v1", "statefulsets"),
    "Deployment": ("/apis/apps/v1", "deployments"),
    "HorizontalPodAutoscaler": ("/apis/autoscaling/v2", "horizontalpodautoscalers"),
    "EndpointSlice": ("/apis/discovery.k8s.io/v1", "endpointslices"),
    "Role": ("/apis/rbac.authorization.k8s.io/v1", "roles"),
    "RoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "rolebindings"),
    "AuthorizationPolicy": ("/apis/security.istio.io/v1", "authorizationpolicies"),
    "PeerAuthentication": ("/apis/security.istio.io/v1", "peerauthentications"),
    "Gateway": ("/apis/gateway.networking.k8s.io/v1", "gateways"),
    "HTTPRoute": ("/apis/gateway.networking.k8s.io/v1", "httproutes"),
}


@dataclass(frozen=True)
class Api:
    """A Kubernetes API, in which `UNPRIVILEGED` may do nothing."""

    write_kubeconfig: Callable[..., Path]
    unprivileged: str
    """How refusals name the unprivileged."""
    folder: Path
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def kubeconfig(self, *, user: str = "admin", namespace: str = "default") -> Path:
        return self.write_kubeconfig(
            self.folder / f"kubeconfig-{next(self._numbers)}", user=user, namespace=namespace
        )

    def connection(self, *, user: str = "admin") -> Connection:
        return Connection.of(self.kubeconfig(user=user))


@dataclass(frozen=True)
class Namespace:
    """A namespace of a test's own."""

    api: Api
    connection: Connection
    name: str

    def path(self, kind: str, name: str = "", query: str = "") -> str:
        base, plural = _PATHS[kind]
        return f"{base}/namespaces/{self.name}/{plural}{f'/{name}' if name else ''}{query}"

    def client(self, manager: str = "test", *, user: str = "admin") -> Client:
        config = KubeConfig.from_file(self.api.kubeconfig(user=user, namespace=self.name))
        return Client(config, field_manager=manager)  # type: ignore[arg-type]

    def create(self, obj: dict[str, Any], manager: str = "creator") -> ApiAnswer:
        return self.connection.send("POST", self.path(obj["kind"], query=f"?fieldManager={manager}"), obj)

    def created(self, obj: dict[str, Any], manager: str = "creator") -> dict[str, Any]:
        """Create an object that has to be accepted, and return it."""
        answer = self.create(obj, manager)
        assert answer.code == 201, answer.text
        return answer.json

    def apply(self, obj: dict[str, Any], manager: str = "alice", *, force: bool = False) -> ApiAnswer:
        query = f"?fieldManager={manager}{'&force=true' if force else ''}"
        path = self.path(obj["kind"], obj["metadata"]["name"], query)
        return self.connection.send("PATCH", path, obj, content_type=APPLY)

    def applied(self, obj: dict[str, Any], manager: str = "alice", *, force: bool = False) -> dict[str, Any]:
        """Apply an object that has to be accepted, and return it."""
        answer = self.apply(obj, manager, force=force)
        assert answer.code in (200, 201), answer.text
        return answer.json

    def patch(
        self, kind: str, name: str, patch: Any, how: str = MERGE, *, manager: str = "patcher", sub: str = ""
    ) -> ApiAnswer:
        path = self.path(kind, name, f"{sub}?fieldManager={manager}")
        return self.connection.send("PATCH", path, patch, content_type=how)

    def patched(self, kind: str, name: str, patch: Any, how: str = MERGE, **options: str) -> dict[str, Any]:
        """Patch an object in a way that has to be accepted, and return it."""
        answer = self.patch(kind, name, patch, how, **options)
        assert answer.code == 200, answer.text
        return answer.json

    def get(self, kind: str, name: str) -> dict[str, Any]:
        return self.connection.must("GET", self.path(kind, name))


def an(kind: str, name: str, *, labels: dict[str, str] | None = None, **content: Any) -> dict[str, Any]:
    """An object of a kind; what is not its metadata is given as it is."""
    base, _ = _PATHS[kind]
    metadata: dict[str, Any] = {"name": name, **({"labels": labels} if labels else {})}
    version = base.removeprefix("/apis/").removeprefix("/api/")
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


def stateful_set(name: str = "app", **spec: Any) -> dict[str, Any]:
    """A StatefulSet of one container, as an application has it."""
    template = {
        "metadata": {"labels": {"app": "app"}},
        "spec": {"containers": [{"name": "charm", "image": "ubuntu:24.04"}]},
    }
    wanted = {"serviceName": "app", "selector": {"matchLabels": {"app": "app"}}, "template": template}
    return an("StatefulSet", name, spec=wanted | spec)


def service(name: str = "app", **spec: Any) -> dict[str, Any]:
    """A Service with one port."""
    wanted = {"selector": {"app": "app"}, "ports": [{"name": "http", "port": 80}]}
    return an("Service", name, spec=wanted | spec)


def policy(name: str = "policy", **spec: Any) -> dict[str, Any]:
    """An AuthorizationPolicy for a Service."""
    wanted = {"targetRefs": [{"group": "", "kind": "Service", "name": "app"}], "rules": [{}]}
    return an("AuthorizationPolicy", name, spec=wanted | spec)


def gateway(name: str = "waypoint", *listeners: dict[str, Any]) -> dict[str, Any]:
    """A Gateway as waypoints have it, or with other listeners."""
    mesh = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
    return an(
        "Gateway", name, spec={"gatewayClassName": "istio-waypoint", "listeners": list(listeners) or [mesh]}
    )


def owned(obj: dict[str, Any], manager: str, operation: str = "Apply", sub: str = "") -> Any:
    """The fields that a manager owns, or None."""
    for entry in obj["metadata"].get("managedFields", ()):
        written_by = (entry["manager"], entry["operation"], entry.get("subresource", ""))
        if written_by == (manager, operation, sub):
            return entry["fieldsV1"]
    return None


def causes(answer: ApiAnswer) -> list[tuple[str, str]]:
    """The fields and reasons of a refusal."""
    return [(cause["field"], cause["reason"]) for cause in answer.json["details"]["causes"]]
