"""The next hook reverts manual changes."""

from collections.abc import Callable
from typing import Any

import pytest
from lightkube.core.resource import NamespacedResource
from lightkube.resources.apps_v1 import StatefulSet
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler
from lightkube.resources.core_v1 import ConfigMap, Pod, Service
from lightkube.types import PatchType

from istio_policies import AuthorizationPolicy, Gateway
from k8s_charm import Json, manifest
from tests.scenario.beacon.beacon_model import BeaconModel, policy

pytestmark = pytest.mark.kubernetes

WAYPOINT = "shop-beacon-waypoint"
POLICY = "shop.beacon.catalogue.app.from.shop.web"
NO_MESH = {"istio.io/dataplane-mode": None, "istio.io/use-waypoint": "elsewhere"}

EDITS: dict[str, tuple[Callable[[], type[NamespacedResource]], str, Json]] = {
    "class": (lambda: Gateway, WAYPOINT, {"spec": {"gatewayClassName": "other"}}),
    "listener": (
        lambda: Gateway,
        WAYPOINT,
        {"spec": {"listeners": [{"name": "mesh", "port": 1, "protocol": "TCP"}]}},
    ),
    "pods' labels": (lambda: Gateway, WAYPOINT, {"spec": {"infrastructure": None}}),
    "Gateway's labels": (lambda: Gateway, WAYPOINT, {"metadata": {"labels": None}}),
    "owner": (lambda: Gateway, WAYPOINT, {"metadata": {"annotations": None}}),
    "replicas": (lambda: HorizontalPodAutoscaler, WAYPOINT, {"spec": {"minReplicas": 4, "maxReplicas": 9}}),
    "who may": (lambda: AuthorizationPolicy, POLICY, {"spec": {"rules": [{}]}}),
    "action": (lambda: AuthorizationPolicy, POLICY, {"spec": {"action": "DENY"}}),
    "policy's labels": (lambda: AuthorizationPolicy, POLICY, {"metadata": {"labels": None}}),
    "pods out of the mesh": (
        lambda: StatefulSet,
        "beacon",
        {"spec": {"template": {"metadata": {"labels": NO_MESH}}}},
    ),
    "Service out of the mesh": (
        lambda: Service,
        "beacon",
        {"metadata": {"labels": {"istio.io/dataplane-mode": None}}},
    ),
    "note": (lambda: ConfigMap, "juju-service-mesh-beacon-labels", {"data": {"labels": "{}"}}),
}


def essence(found: Any) -> Json:
    """An object without what the API server alone writes."""
    plain = manifest(found)
    own = plain["metadata"]
    metadata = {key: own.get(key) for key in ("name", "labels", "annotations")}
    return {"metadata": metadata, "spec": plain.get("spec"), "data": plain.get("data")}


@pytest.mark.parametrize("edit", EDITS)
def test_is_corrected_by_the_next_hook(beacon: BeaconModel, edit: str):
    kind_of, name, patch = EDITS[edit]
    kind = kind_of()
    beacon.consumer("catalogue", policy("web", "catalogue"))
    beacon.hook()
    before = essence(beacon.client.get(kind, name))
    beacon.client.patch(kind, name, patch, patch_type=PatchType.MERGE)
    assert essence(beacon.client.get(kind, name)) != before
    beacon.hook()
    assert essence(beacon.client.get(kind, name)) == before


def test_labels_of_its_running_pod_come_back(beacon: BeaconModel):
    status = beacon.client.get(StatefulSet, "beacon").status
    assert status
    by_hand = {"controller-revision-hash": status.updateRevision, **NO_MESH}
    beacon.client.patch(Pod, "beacon-0", {"metadata": {"labels": by_hand}}, patch_type=PatchType.MERGE)
    beacon.hook()
    expected = {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": WAYPOINT}
    assert manifest(beacon.client.get(Pod, "beacon-0"))["metadata"]["labels"].items() >= expected.items()
    before = len(beacon.writes())
    beacon.hook()
    assert len(beacon.writes()) == before
