"""Stand-in for controllers and nodes, for the pods of applications."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from ..control_plane import Connection

_MERGE = "application/merge-patch+json"
_CAPTURED = "ambient.istio.io/redirection"
_DATAPLANE_MODE = "istio.io/dataplane-mode"

Json = dict[str, Any]


class Pods:
    """Acts as Kubernetes and as Istio's agent on a node for pods, at each call.

    Pods get addresses, become Ready, join the mesh by their labels or those of their namespace, and become
    the endpoints of the Services that select them. Charms do not need this, but istiod reads it.

    Args:
        admin: a client with all permissions.
    """

    def __init__(self, admin: Connection):
        self._admin = admin
        self._addresses: dict[str, str] = {}
        self._given = itertools.count(1)

    def address(self, pod: str) -> str:
        """Return the address of a pod, by its namespace and name."""
        if pod not in self._addresses:
            high, low = divmod(next(self._given), 250)
            self._addresses[pod] = f"10.244.{high}.{low + 1}"
        return self._addresses[pod]

    def bring_up(self, namespaces: Iterable[str]) -> None:
        """Update all pods and Services of these namespaces."""
        for namespace in namespaces:
            home = f"/api/v1/namespaces/{namespace}"
            # Another stand-in updates a waypoint's pods.
            listed = self._admin.must("GET", f"{home}/pods")["items"]
            pods = [pod for pod in listed if pod["spec"].get("serviceAccountName") in _applications(pod)]
            mode = _dataplane_mode(self._admin.must("GET", home), "none")
            for pod in pods:
                self._start(home, pod, is_in_mesh=_dataplane_mode(pod, mode) == "ambient")
            for service in self._admin.must("GET", f"{home}/services")["items"]:
                self._list_endpoints(service, pods)

    def _start(self, home: str, pod: Json, *, is_in_mesh: bool) -> None:
        metadata = pod["metadata"]
        path, address = f"{home}/pods/{metadata['name']}", self.address(_name(pod))
        status = {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": "True"}],
        }
        if pod["status"].get("podIP") != address:
            self._admin.must("PATCH", f"{path}/status", {"status": status}, content_type=_MERGE)
        wanted = "enabled" if is_in_mesh else None
        if metadata.get("annotations", {}).get(_CAPTURED) != wanted:
            mark = {"metadata": {"annotations": {_CAPTURED: wanted}}}
            self._admin.must("PATCH", path, mark, content_type=_MERGE)

    def _list_endpoints(self, service: Json, pods: Iterable[Json]) -> None:
        metadata = service["metadata"]
        selector: Mapping[str, str] = service["spec"].get("selector") or {}
        if "gateway.networking.k8s.io/gateway-name" in metadata.get("labels", {}):
            return
        selected = [pod for pod in pods if selector and selector.items() <= pod["metadata"]["labels"].items()]
        made = {
            "metadata": {
                "name": metadata["name"],
                "labels": {
                    "kubernetes.io/service-name": metadata["name"],
                    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                },
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "Service", "name": metadata["name"], "uid": metadata["uid"]}
                ],
            },
            "addressType": "IPv4",
            "endpoints": [self._endpoint(pod) for pod in selected],
            "ports": [_port(port) for port in service["spec"].get("ports") or ()],
        }
        path = f"/apis/discovery.k8s.io/v1/namespaces/{metadata['namespace']}/endpointslices"
        name = f"{path}/{metadata['name']}"
        found = self._admin.send("GET", name)
        if found.code == 404:
            self._admin.must("POST", path, made)
        elif any(found.json.get(key) != made[key] for key in ("endpoints", "ports")):
            # The kind has lists without keys: a merge patch replaces them.
            self._admin.must("PATCH", name, made, content_type=_MERGE)

    def _endpoint(self, pod: Json) -> Json:
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        target = {"kind": "Pod", "name": name, "namespace": namespace}
        address = self.address(f"{namespace}/{name}")
        return {"addresses": [address], "conditions": {"ready": True}, "targetRef": target}


def _name(pod: Json) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def _dataplane_mode(owner: Json, default: str) -> str:
    return owner["metadata"].get("labels", {}).get(_DATAPLANE_MODE, default)


def _applications(pod: Json) -> list[str]:
    labels: Mapping[str, str] = pod["metadata"].get("labels") or {}
    return [labels["app.kubernetes.io/name"]] if "app.kubernetes.io/name" in labels else []


def _port(port: Json) -> Json:
    target = port.get("targetPort")
    number = target if isinstance(target, int) and target else port["port"]
    return {"name": port.get("name", ""), "port": number, "protocol": port.get("protocol", "TCP")}
