"""The waypoint is allowed at the pods behind it, and no other source bypasses it."""

import json
from collections.abc import Mapping

import pytest

from sandbox.kubernetes import KubernetesServer
from tests.scenario.beacon.beacon_model import BeaconModel, databag, policy

pytestmark = pytest.mark.kubernetes

PODS = "app.kubernetes.io/name=catalogue"


def action(beacon: BeaconModel, name: str) -> Mapping[str, str]:
    beacon.state = beacon.context.run(beacon.context.on.action(name), beacon.state)
    return beacon.context.action_results or {}


def test_goes_with_a_policy_on_the_service(beacon: BeaconModel):
    relation = beacon.consumer("catalogue", policy("web", "catalogue"), policy("ads", "catalogue"))
    assert beacon.waypoint_access() == {PODS}
    assert beacon.hook().message == "2 policies for 1 consumer, all enforced"
    beacon.publish(relation, databag(policy("ads", "catalogue", target_type="unit")))
    assert beacon.waypoint_access() == set()


def test_none_where_no_policy_is_on_the_service(beacon: BeaconModel):
    beacon.consumer("catalogue", policy("ads", "catalogue", target_type="unit"))
    beacon.consumer("orders")
    assert beacon.waypoint_access() == set()


def test_none_at_pods_that_the_consumer_may_not_set_policy_on(beacon: BeaconModel):
    beacon.consumer("catalogue", policy("web", "orders"), policy("web", "catalogue", target_namespace="b"))
    assert beacon.waypoint_access() == set()


def test_at_the_pods_behind_a_service_of_another_name(kubernetes: KubernetesServer):
    beacon = BeaconModel(kubernetes)
    beacon.create_service("catalogue-api", selects="catalogue")
    beacon.consumer("catalogue", policy("web", None, target_service="catalogue-api"))
    assert beacon.waypoint_access() == {PODS}


def test_stays_while_a_former_consumer_uses_the_waypoint(beacon: BeaconModel):
    relation = beacon.consumer("catalogue", policy("web", "catalogue"))
    beacon.leave(relation)
    assert beacon.waypoint_access() == {PODS}
    beacon.drop_labels("catalogue")
    beacon.hook()
    assert beacon.waypoint_access() == set()


def test_is_not_a_row_of_its_own_and_is_exported(beacon: BeaconModel):
    beacon.consumer("catalogue", policy("web", "catalogue"))
    assert action(beacon, "list-policies")["summary"].startswith("1 policy")
    assert action(beacon, "export-policies")["count"] == "2"


def test_services_with_policies_are_published(beacon: BeaconModel):
    """Consumers bind them to the waypoint then."""
    relation = beacon.consumer("catalogue", policy("ads", "catalogue", target_type="unit"))

    def published() -> str | None:
        return beacon.relation(relation).local_app_data.get("services")

    assert published() == "[]"
    beacon.kubernetes.access.deny(verbs=["patch"], resources=["authorizationpolicies"])
    beacon.publish(relation, databag(policy("web", "catalogue")))
    assert published() == "[]"
    beacon.kubernetes.access.restore()
    beacon.hook()
    assert published() == '["catalogue"]'
    beacon.kubernetes.access.deny(verbs=["list"], resources=["authorizationpolicies"])
    beacon.hook()
    assert published() == '["catalogue"]'
    beacon.kubernetes.access.restore()
    beacon.configure(policy_mode="off")
    assert published() is None


def test_waypoint_of_a_whole_model_is_published(beacon: BeaconModel):
    """Labels of pods do not name it then, and coordinators allow it at their pods themselves."""
    relation = beacon.consumer("catalogue", policy("web", "catalogue"))
    assert "waypoint" not in beacon.relation(relation).local_app_data
    beacon.configure(model_on_mesh=True)
    assert json.loads(beacon.relation(relation).local_app_data["waypoint"]) == "shop/shop-beacon-waypoint"
    beacon.configure(model_on_mesh=False)
    assert not beacon.relation(relation).local_app_data.get("waypoint")
