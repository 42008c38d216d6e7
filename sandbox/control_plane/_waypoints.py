"""What becomes of the waypoints that istiod deploys, where neither controllers nor nodes are."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from ._connection import Connection

_LOOKS_EVERY = 0.2
_MERGE = "application/merge-patch+json"
_GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
_SELECTOR = "labelSelector=gateway.networking.k8s.io/gateway-class-name%3Distio-waypoint"
_GATEWAYS = "/apis/gateway.networking.k8s.io/v1/gateways"
_DEPLOYMENTS = "/apis/apps/v1/deployments"
_OWNED = (
    _DEPLOYMENTS,
    "/api/v1/services",
    "/api/v1/serviceaccounts",
    "/api/v1/pods",
    "/apis/discovery.k8s.io/v1/endpointslices",
)


class Waypoints:
    """Plays the part of Kubernetes for waypoints: their pods come up, and go with their Gateways.

    Nothing runs in the pods. A context manager, while which it keeps up with the API server.

    Args:
        admin: may do everything.
    """

    def __init__(self, admin: Connection):
        self._admin = admin
        self._seen: dict[str, str] = {}
        self._gateways: set[str] = set()
        self._numbers = itertools.count(1)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._keep_up, name="waypoints", daemon=True)

    def __enter__(self) -> Waypoints:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def look(self) -> None:
        """Do once what there is to do now."""
        gateways = {gateway["metadata"]["uid"] for gateway in self._list(_GATEWAYS)}
        if self._gateways - gateways:
            self._collect(gateways)
        self._gateways = gateways
        for deployment in self._list(f"{_DEPLOYMENTS}?{_SELECTOR}"):
            uid = deployment["metadata"]["uid"]
            if uid not in self._seen:
                self._seen[uid] = f"10.255.0.{next(self._numbers)}"
                self._run(deployment, self._seen[uid])

    def _keep_up(self) -> None:
        while not self._end.wait(_LOOKS_EVERY):
            self.look()

    def _run(self, deployment: Mapping[str, Any], address: str) -> None:
        template, owner = deployment["spec"]["template"], deployment["metadata"]["ownerReferences"]
        namespace, name = deployment["metadata"]["namespace"], deployment["metadata"]["name"]
        pod_name = f"{name}-1"
        pod = {
            "metadata": template["metadata"] | {"name": pod_name, "ownerReferences": owner},
            "spec": template["spec"],
        }
        self._admin.send("POST", f"/api/v1/namespaces/{namespace}/pods", pod)
        status = {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": "True"}],
        }
        path = f"/api/v1/namespaces/{namespace}/pods/{pod_name}/status"
        self._admin.send("PATCH", path, {"status": status}, content_type=_MERGE)
        labels = template["metadata"]["labels"] | {"kubernetes.io/service-name": name}
        target = {"kind": "Pod", "namespace": namespace, "name": pod_name}
        endpoints = {
            "metadata": {"name": pod_name, "labels": labels, "ownerReferences": owner},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}, "targetRef": target}],
            "ports": [{"name": "mesh", "port": 15008, "protocol": "TCP"}],
        }
        base = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
        self._admin.send("POST", base, endpoints)

    def _collect(self, gateways: set[str]) -> None:
        """Delete what belonged to Gateways that are gone."""
        for path in _OWNED:
            for obj in self._list(f"{path}?{_SELECTOR}"):
                metadata = obj["metadata"]
                owners = {owner["uid"] for owner in metadata.get("ownerReferences") or ()}
                if owners and not owners & gateways:
                    base, _, plural = path.rpartition("/")
                    place = f"{base}/namespaces/{metadata['namespace']}/{plural}/{metadata['name']}"
                    self._admin.send("DELETE", f"{place}?gracePeriodSeconds=0")

    def _list(self, path: str) -> Iterator[dict[str, Any]]:
        # A test may take the kind itself away.
        answer = self._admin.send("GET", path)
        yield from answer.json["items"] if answer.code == 200 else ()
