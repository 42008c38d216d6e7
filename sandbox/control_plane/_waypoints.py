"""Stand-in for controllers and nodes, for the waypoints that istiod deploys."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from ._connection import Connection

_LOOKS_EVERY = 0.2
_MERGE = "application/merge-patch+json"
_SELECTOR = "labelSelector=gateway.networking.k8s.io/gateway-class-name%3Distio-waypoint"
_GATEWAYS = "/apis/gateway.networking.k8s.io/v1/gateways"
_AUTOSCALERS = "/apis/autoscaling/v2/horizontalpodautoscalers"
_DEPLOYMENTS = "/apis/apps/v1/deployments"
_PODS = "/api/v1/pods"
_SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
_OWNED = (_DEPLOYMENTS, "/api/v1/services", "/api/v1/serviceaccounts", _PODS, _SLICES)

Json: TypeAlias = dict[str, Any]


class Waypoints:
    """Acts as Kubernetes for waypoints: creates their pods, makes them ready, and deletes them.

    Nothing runs in the pods. It follows the API server while its context lasts.

    Args:
        admin: a client with all permissions.
    """

    def __init__(self, admin: Connection):
        self._admin = admin
        self._addresses: dict[tuple[str, int], str] = {}
        self._given = itertools.count(1)
        self._gateways: set[str] = set()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._keep_up, name="waypoints", daemon=True)

    def __enter__(self) -> Waypoints:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _keep_up(self) -> None:
        while not self._end.wait(_LOOKS_EVERY):
            self._look()

    def _look(self) -> None:
        gateways = {gateway["metadata"]["uid"] for gateway in self._list(_GATEWAYS)}
        if self._gateways - gateways:
            self._collect(gateways)
        self._gateways = gateways
        deployments = list(self._list(f"{_DEPLOYMENTS}?{_SELECTOR}"))
        autoscalers = list(self._list(_AUTOSCALERS)) if deployments else []
        for deployment in deployments:
            self._scale(deployment, _replicas(deployment, autoscalers))

    def _scale(self, deployment: Json, replicas: int) -> None:
        if deployment.get("status", {}).get("readyReplicas", 0) == replicas:
            return
        uid = deployment["metadata"]["uid"]
        for number in itertools.count(1):
            if number <= replicas and (uid, number) not in self._addresses:
                self._addresses[uid, number] = f"10.255.0.{next(self._given)}"
                self._start(deployment, number, self._addresses[uid, number])
            elif number > replicas and not self._addresses.pop((uid, number), None):
                break
            elif number > replicas:
                self._stop(deployment, number)
        counts = dict.fromkeys(("replicas", "readyReplicas", "availableReplicas"), replicas)
        path = _path(_DEPLOYMENTS, deployment["metadata"])
        self._admin.send("PATCH", f"{path}/status", {"status": counts}, content_type=_MERGE)

    def _start(self, deployment: Json, number: int, address: str) -> None:
        template, name = deployment["spec"]["template"], deployment["metadata"]["name"]
        own = {
            "name": f"{name}-{number}",
            "namespace": deployment["metadata"]["namespace"],
            # Everything is deleted with the Gateway, as by the garbage collector.
            "ownerReferences": deployment["metadata"]["ownerReferences"],
        }
        self._create(_PODS, {"metadata": template["metadata"] | own, "spec": template["spec"]})
        status = {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": "True"}],
        }
        self._admin.send("PATCH", f"{_path(_PODS, own)}/status", {"status": status}, content_type=_MERGE)
        labels = template["metadata"]["labels"] | {"kubernetes.io/service-name": name}
        target = {"kind": "Pod", "namespace": own["namespace"], "name": own["name"]}
        endpoint = {"addresses": [address], "conditions": {"ready": True}, "targetRef": target}
        slice_of_one = {
            "metadata": own | {"labels": labels},
            "addressType": "IPv4",
            "endpoints": [endpoint],
            "ports": [{"name": "mesh", "port": 15008, "protocol": "TCP"}],
        }
        self._create(_SLICES, slice_of_one)

    def _stop(self, deployment: Json, number: int) -> None:
        own = deployment["metadata"] | {"name": f"{deployment['metadata']['name']}-{number}"}
        for path in (_SLICES, _PODS):
            self._delete(path, own)

    def _create(self, path: str, obj: Json) -> None:
        base, _, plural = path.rpartition("/")
        self._admin.send("POST", f"{base}/namespaces/{obj['metadata']['namespace']}/{plural}", obj)

    def _delete(self, path: str, metadata: Json) -> None:
        self._admin.send("DELETE", f"{_path(path, metadata)}?gracePeriodSeconds=0")

    def _collect(self, gateways: set[str]) -> None:
        """Delete the objects of deleted Gateways."""
        for path in _OWNED:
            for obj in self._list(f"{path}?{_SELECTOR}"):
                owners = {owner["uid"] for owner in obj["metadata"].get("ownerReferences") or ()}
                if owners and not owners & gateways:
                    self._delete(path, obj["metadata"])

    def _list(self, path: str) -> Iterator[Json]:
        # A test may delete the kind itself.
        answer = self._admin.send("GET", path)
        yield from answer.json["items"] if answer.code == 200 else ()


def _replicas(deployment: Json, autoscalers: Iterable[Json]) -> int:
    for autoscaler in autoscalers:
        target = {"kind": "Deployment", "name": deployment["metadata"]["name"]}
        if (
            autoscaler["metadata"]["namespace"] == deployment["metadata"]["namespace"]
            and target.items() <= autoscaler["spec"]["scaleTargetRef"].items()
        ):
            return autoscaler["spec"]["minReplicas"]
    return deployment["spec"]["replicas"]


def _path(path: str, metadata: Json) -> str:
    base, _, plural = path.rpartition("/")
    return f"{base}/namespaces/{metadata['namespace']}/{plural}/{metadata['name']}"
