"""Members of the mesh: applications that are related, the beacon's own pod, or the whole model."""

import json
import logging
from typing import Any

import pytest
from lightkube import Client
from lightkube.resources.core_v1 import Namespace

from sandbox.kubernetes import KubernetesServer
from tests.scenario.beacon.beacon_model import BeaconModel, policy

pytestmark = pytest.mark.kubernetes

MESH_LABELS = {
    "istio.io/dataplane-mode": "ambient",
    "istio.io/use-waypoint": "shop-beacon-waypoint",
    "istio.io/use-waypoint-namespace": "shop",
}
MANAGED_BY = "charms.canonical.com/istio.io.waypoint.managed-by"
NAMESPACE_LABELS = {**MESH_LABELS, MANAGED_BY: "shop.beacon"}
OPERATORS = {
    ("anybody", "shop/juju-modeloperator=modeloperator"),
    ("anybody", "shop/operator.juju.is/name=modeloperator,operator.juju.is/target=model"),
}


def test_consumer_gets_labels_of_mesh(beacon: BeaconModel):
    relation = beacon.consumer("catalogue")
    assert json.loads(relation.local_app_data["labels"]) == MESH_LABELS
    assert json.loads(relation.local_app_data["mesh_type"]) == "istio"


def test_beacons_own_pod_and_service_join(beacon: BeaconModel):
    """Its policies are on pods: a Service that used the waypoint would be open there."""
    assert beacon.pod_labels() == MESH_LABELS
    assert beacon.service_labels() == {"istio.io/dataplane-mode": "ambient"}
    (remembered,) = beacon.kubernetes.store.objects("ConfigMap", "shop")
    assert remembered["metadata"]["name"] == "juju-service-mesh-beacon-labels"
    assert json.loads(remembered["data"]["labels"]) == MESH_LABELS


def test_namespace_is_unlabelled_without_model_on_mesh(beacon: BeaconModel):
    assert beacon.namespace_labels() == {}


def test_the_whole_model_joins_by_its_namespace(beacon: BeaconModel):
    relation = beacon.consumer("catalogue")
    beacon.configure(model_on_mesh=True)
    assert beacon.namespace_labels() == NAMESPACE_LABELS
    assert json.loads(beacon.relation(relation).local_app_data["labels"]) == {}
    assert beacon.pod_labels() == {}
    assert beacon.service_labels() == {}


def test_labels_stay_until_the_model_is_on_the_mesh(beacon: BeaconModel):
    relation = beacon.consumer("catalogue")
    beacon.hook()
    beacon.kubernetes.access.deny(verbs=["patch"], resources=["namespaces"])
    assert beacon.configure(model_on_mesh=True).name == "blocked"
    assert json.loads(beacon.relation(relation).local_app_data["labels"]) == MESH_LABELS
    assert beacon.pod_labels() == MESH_LABELS
    beacon.kubernetes.access.restore()
    assert beacon.hook().name == "active"
    assert json.loads(beacon.relation(relation).local_app_data["labels"]) == {}
    assert beacon.pod_labels() == {}


def test_model_operator_is_open_with_model_on_mesh(beacon: BeaconModel):
    beacon.configure(model_on_mesh=True)
    assert beacon.allowed() >= OPERATORS
    beacon.configure(model_on_mesh=False)
    assert not beacon.allowed() & OPERATORS


def test_policy_of_the_model_operator_is_not_counted(beacon: BeaconModel):
    assert beacon.configure(model_on_mesh=True).message.startswith("0 policies for 0 consumers; no pod of")


def test_namespace_that_changed_meanwhile_is_not_written(
    beacon: BeaconModel, monkeypatch: pytest.MonkeyPatch
):
    get = Client.get

    def get_before_another_write(client: Client, kind: type, *args: Any, **kwargs: Any) -> Any:
        found = get(client, kind, *args, **kwargs)
        if kind is Namespace:
            beacon.label_namespace({"istio.io/use-waypoint": "of-somebody-else"})
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Client, "get", get_before_another_write)
        beacon.configure(model_on_mesh=True)
    assert beacon.namespace_labels() == {"istio.io/use-waypoint": "of-somebody-else"}


def test_leaving_the_mesh_keeps_labels_of_others(beacon: BeaconModel):
    beacon.label_namespace({"team": "shop", "pod-security.kubernetes.io/enforce": "baseline"})
    relation = beacon.consumer("catalogue")
    beacon.configure(model_on_mesh=True)
    beacon.configure(model_on_mesh=False)
    assert beacon.namespace_labels() == {"team": "shop", "pod-security.kubernetes.io/enforce": "baseline"}
    assert json.loads(beacon.relation(relation).local_app_data["labels"]) == MESH_LABELS
    assert beacon.pod_labels() == MESH_LABELS


def test_label_that_a_user_changed_stays(beacon: BeaconModel):
    beacon.configure(model_on_mesh=True)
    beacon.label_namespace({"istio.io/dataplane-mode": "none"})
    beacon.kubernetes.access.deny(verbs=["patch"], resources=["namespaces"])
    beacon.hook()
    beacon.kubernetes.access.restore()
    beacon.configure(model_on_mesh=False)
    assert beacon.namespace_labels() == {"istio.io/dataplane-mode": "none"}


def test_namespace_label_that_was_lost_comes_back(beacon: BeaconModel):
    beacon.configure(model_on_mesh=True)
    beacon.label_namespace({"istio.io/use-waypoint": None})
    beacon.hook()
    assert beacon.namespace_labels() == NAMESPACE_LABELS


def test_joining_and_leaving_are_logged(beacon: BeaconModel, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO):
        beacon.configure(model_on_mesh=True)
        assert "namespace shop joins the mesh" in caplog.messages
        beacon.configure(model_on_mesh=False)
    assert "namespace shop leaves the mesh" in caplog.messages


@pytest.fixture
def second(beacon: BeaconModel) -> BeaconModel:
    """Another beacon, in a model that the first has put on the mesh."""
    beacon.configure(model_on_mesh=True)
    second = BeaconModel(beacon.kubernetes, app="second")
    second.hook()
    return second


def test_second_beacon_does_not_fight_over_namespace(second: BeaconModel):
    relation = second.consumer("catalogue")
    status = second.configure(model_on_mesh=True)
    assert json.loads(second.relation(relation).local_app_data["labels"]) == {
        **MESH_LABELS,
        "istio.io/use-waypoint": "shop-second-waypoint",
    }
    assert second.namespace_labels() == NAMESPACE_LABELS
    assert status.name == "blocked"
    assert (
        status.message
        == "beacon shop.beacon has this model on the mesh: set model-on-mesh=false here or there"
    )


def test_second_beacon_does_not_touch_the_namespace(second: BeaconModel):
    second.configure(model_on_mesh=True)
    assert second.configure(model_on_mesh=False).name == "active"
    second.remove()
    assert second.namespace_labels() == NAMESPACE_LABELS


def test_second_beacon_takes_over_from_the_first(beacon: BeaconModel, second: BeaconModel):
    second.configure(model_on_mesh=True)
    beacon.configure(model_on_mesh=False)
    assert second.hook().name == "active"
    assert second.namespace_labels() == {
        "istio.io/dataplane-mode": "ambient",
        "istio.io/use-waypoint": "shop-second-waypoint",
        "istio.io/use-waypoint-namespace": "shop",
        MANAGED_BY: "shop.second",
    }


def test_two_beacons_keep_to_their_own_policies(beacon: BeaconModel, second: BeaconModel):
    beacon.consumer("catalogue", policy("web", "catalogue"))
    second.consumer("orders", policy("web", "orders"))
    beacon.hook()
    second.hook()
    assert {("shop/web", "shop/catalogue"), ("shop/web", "shop/orders")} <= beacon.allowed()
    second.remove()
    assert ("shop/web", "shop/catalogue") in beacon.allowed()
    assert ("shop/web", "shop/orders") not in beacon.allowed()
    assert len(beacon.gateways()) == 1


def test_beacons_with_similar_labels_keep_their_own(kubernetes: KubernetesServer):
    first = BeaconModel(kubernetes, app="a-b", model="c")
    other = BeaconModel(kubernetes, app="a", model="b-c")
    first.consumer("x", policy("web", "x", target_namespace="c"))
    other.consumer("y", policy("web", "y", target_namespace="b-c"))
    first.hook()
    assert len(first.policies()) == 2
    other.remove()
    assert first.allowed() == {("shop/web", "c/x")}


def test_manual_namespace_labels_stay(beacon: BeaconModel):
    beacon.label_namespace({"istio.io/dataplane-mode": "ambient"})
    status = beacon.configure(model_on_mesh=True)
    assert status.name == "blocked"
    assert "has a label istio.io/dataplane-mode of another owner" in status.message
    assert beacon.namespace_labels() == {"istio.io/dataplane-mode": "ambient"}
    beacon.configure(model_on_mesh=False)
    assert beacon.namespace_labels() == {"istio.io/dataplane-mode": "ambient"}


def test_labels_fit_whatever_names(kubernetes: KubernetesServer):
    beacon = BeaconModel(kubernetes, app="b" * 50, model="m" * 63)
    beacon.configure(model_on_mesh=True)
    assert beacon.hook().message.startswith("0 policies for 0 consumers; ")
    assert all(len(value) <= 63 for value in beacon.namespace_labels().values())
