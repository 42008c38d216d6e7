"""What istiod does for a Gateway of the waypoint class."""

from collections.abc import Iterator

from .._json import Object, labels_of, mapping
from .._kinds import DEPLOYMENT, GATEWAY, SERVICE, SERVICE_ACCOUNT, Kind
from .._patches import merge_patch
from .._records import Change
from .._status import ApiError
from ._base import Controller

WAYPOINT_CLASS = "istio-waypoint"


def is_waypoint(gateway: Object) -> bool:
    """Whether istiod makes a waypoint of this Gateway."""
    return gateway["spec"]["gatewayClassName"] == WAYPOINT_CLASS


class WaypointController(Controller):
    """Deploys the waypoint that a Gateway asks for, and says so in the Gateway's status.

    The objects that it makes belong to the Gateway and go with it.
    """

    manager = "pilot-discovery"

    def handle(self, change: Change) -> None:
        if change.kind is GATEWAY and change.new is not None and is_waypoint(change.new):
            self._deploy(change.new)

    def catch_up(self) -> None:
        for gateway in self.store.objects(GATEWAY):
            if is_waypoint(gateway):
                self._deploy(gateway)

    def _deploy(self, gateway: Object) -> None:
        metadata = gateway["metadata"]
        for kind, obj in _deployed(gateway):
            try:
                self.store.create(
                    kind, obj, namespace=metadata["namespace"], writer=self.writer(kind.api_version)
                )
            except ApiError as error:
                if error.code != 409:
                    raise
        self._report(gateway)

    def _report(self, gateway: Object) -> None:
        metadata = gateway["metadata"]
        address = f"{metadata['name']}.{metadata['namespace']}.svc.cluster.local:15008"
        said = {
            "Accepted": ("Accepted", "Resource accepted"),
            "Programmed": ("Programmed", f"Resource programmed, assigned to service(s) {address}"),
        }
        conditions: list[Object] = [
            {
                "type": kind,
                "status": "True",
                "reason": reason,
                "message": message,
                "observedGeneration": metadata["generation"],
                "lastTransitionTime": metadata["creationTimestamp"],
            }
            for kind, (reason, message) in said.items()
        ]
        self.store.patch(
            GATEWAY,
            metadata["namespace"],
            metadata["name"],
            lambda old: merge_patch(old, {"status": {"conditions": conditions}}),
            subresource="status",
            writer=self.writer(GATEWAY.api_version, "status"),
        )


def _deployed(gateway: Object) -> Iterator[tuple[Kind, Object]]:
    name = gateway["metadata"]["name"]
    infrastructure = mapping(gateway["spec"].get("infrastructure"))
    asked_for = mapping(infrastructure["labels"]) if "labels" in infrastructure else labels_of(gateway)
    labels = asked_for | {
        "gateway.networking.k8s.io/gateway-name": name,
        "gateway.networking.k8s.io/gateway-class-name": WAYPOINT_CLASS,
    }
    managed = labels | {"gateway.istio.io/managed": "istio.io-mesh-controller"}
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
                    {"name": "mesh", "port": 15008, "protocol": "TCP", "appProtocol": "all"},
                ],
            },
        },
    )
    yield (
        DEPLOYMENT,
        {
            "metadata": metadata | {"labels": managed},
            "spec": {
                "selector": {"matchLabels": selected},
                "template": {
                    "metadata": {"labels": managed | {"istio.io/dataplane-mode": "none"}},
                    "spec": {
                        "serviceAccountName": name,
                        "containers": [
                            {
                                "name": "istio-proxy",
                                "image": "istio/proxyv2",
                                "ports": [{"name": "http-envoy-prom", "containerPort": 15090}],
                            }
                        ],
                    },
                },
            },
        },
    )
