"""The waypoint controller of istiod, which serves Gateways of the waypoint class."""

from collections.abc import Iterator

from .._json import Object, labels_of, mapping
from .._kinds import CRD, DEPLOYMENT, GATEWAY, GATEWAY_CLASS, SERVICE, SERVICE_ACCOUNT, Kind
from .._ownership import Writer
from .._records import ObjectChange
from .._store import ObjectStore
from ._base import KubernetesController

WAYPOINT_CLASS = "istio-waypoint"
_MANAGER = "istio.io/gateway-controller"


def is_waypoint(gateway: Object) -> bool:
    """Return whether istiod runs a waypoint for this Gateway."""
    return gateway["spec"]["gatewayClassName"] == WAYPOINT_CLASS


class WaypointController(KubernetesController):
    """Deploys the waypoint of a Gateway, and reports it in the Gateway's status.

    The objects that it creates belong to the Gateway and are deleted with it.
    """

    pods_start = True
    """Whether the pods of waypoints come up. A change is noticed at `start()`, or with a Gateway's next."""

    def __init__(self, store: ObjectStore):
        super().__init__(store)
        self._install_class()

    def handle(self, change: ObjectChange) -> None:
        if change.kind is CRD:
            self._install_class()
        if change.kind is GATEWAY and change.new is not None and is_waypoint(change.new):
            self._deploy(change.new)

    def catch_up(self) -> None:
        self._install_class()
        for gateway in self.store.objects(GATEWAY):
            if is_waypoint(gateway):
                self._deploy(gateway)

    def _install_class(self) -> None:
        """Create the class of waypoints, as istiod does if the Gateway API is installed."""
        if self.store.find(GATEWAY_CLASS, "", WAYPOINT_CLASS) is not None:
            return
        served = [each["metadata"]["name"] for each in self.store.objects(CRD)]
        if GATEWAY_CLASS.resource in served:
            writer = Writer(_MANAGER, "Update", GATEWAY_CLASS.api_version)
            spec = {"controllerName": "istio.io/mesh-controller"}
            self.store.create(
                GATEWAY_CLASS, {"metadata": {"name": WAYPOINT_CLASS}, "spec": spec}, writer=writer
            )

    def _deploy(self, gateway: Object) -> None:
        namespace = gateway["metadata"]["namespace"]
        for kind, obj in _deployed(gateway):
            if self.store.find(kind, namespace, obj["metadata"]["name"]) is None:
                writer = Writer(_MANAGER, "Update", kind.api_version)
                self.store.create(kind, obj, namespace=namespace, writer=writer)
        status = {"conditions": self._conditions(gateway)}
        self.report(GATEWAY, gateway, status, manager=_MANAGER)

    def _conditions(self, gateway: Object) -> list[Object]:
        metadata = gateway["metadata"]
        host = f"{metadata['name']}.{metadata['namespace']}.svc.cluster.local"
        accepted = ("Accepted", "True", "Accepted", "Resource accepted")
        programmed = (
            "Programmed",
            "True",
            "Programmed",
            f"Resource programmed, assigned to service(s) {host}:15008",
        )
        unassigned = (
            "Programmed",
            "False",
            "AddressNotAssigned",
            f'Failed to assign to any requested addresses: no instances found for hostname "{host}"',
        )
        resolved = ("ResolvedRefs", "True", "ResolvedRefs", "All references resolved")
        return [
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message,
                "observedGeneration": metadata["generation"],
                "lastTransitionTime": metadata["creationTimestamp"],
            }
            for kind, status, reason, message in (
                accepted,
                programmed if self.pods_start else unassigned,
                resolved,
            )
        ]


def _deployed(gateway: Object) -> Iterator[tuple[Kind, Object]]:
    name = gateway["metadata"]["name"]
    infrastructure = mapping(gateway["spec"].get("infrastructure"))
    labels = mapping(infrastructure["labels"]) if "labels" in infrastructure else labels_of(gateway)
    labels = labels | {
        "gateway.networking.k8s.io/gateway-name": name,
        "gateway.networking.k8s.io/gateway-class-name": WAYPOINT_CLASS,
        "gateway.istio.io/managed": "istio.io-mesh-controller",
    }
    of_pods = labels | {
        "istio.io/dataplane-mode": "none",
        "service.istio.io/canonical-name": name,
        "service.istio.io/canonical-revision": "latest",
        "sidecar.istio.io/inject": "false",
    }
    metadata = {
        "name": name,
        "labels": labels,
        "ownerReferences": [
            {
                "apiVersion": GATEWAY.api_version,
                "kind": GATEWAY.name,
                "name": name,
                "uid": gateway["metadata"]["uid"],
            }
        ],
    }
    selected = {"gateway.networking.k8s.io/gateway-name": name}
    yield SERVICE_ACCOUNT, {"metadata": metadata}
    yield (
        SERVICE,
        {
            "metadata": metadata,
            "spec": {
                "selector": selected,
                "ports": [
                    {"name": "status-port", "port": 15021, "protocol": "TCP", "appProtocol": "tcp"},
                    {"name": "mesh", "port": 15008, "protocol": "TCP", "appProtocol": "hbone"},
                ],
            },
        },
    )
    yield (
        DEPLOYMENT,
        {
            "metadata": metadata,
            "spec": {
                "selector": {"matchLabels": selected},
                "template": {
                    "metadata": {"labels": of_pods},
                    "spec": {
                        "serviceAccountName": name,
                        "containers": [
                            {
                                "name": "istio-proxy",
                                "image": "istio/proxyv2",
                                "ports": [
                                    {"name": "metrics", "containerPort": 15020},
                                    {"name": "status-port", "containerPort": 15021},
                                    {"name": "http-envoy-prom", "containerPort": 15090},
                                ],
                            }
                        ],
                    },
                },
            },
        },
    )
