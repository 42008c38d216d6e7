"""A consumer that moves from one beacon of a model to another."""

import pytest

from sandbox.kubernetes import KubernetesServer, ObjectChange
from tests.scenario.beacon.beacon_model import BeaconModel, policy
from tests.scenario.conftest import Observe

pytestmark = pytest.mark.kubernetes

ALLOWED = ("shop/web", "shop/catalogue")
ASKED = (policy("web", "catalogue"), policy("ads", "catalogue"))


@pytest.fixture
def second(beacon: BeaconModel) -> BeaconModel:
    second = BeaconModel(beacon.kubernetes, app="second")
    second.hook()
    return second


def shut(kubernetes: KubernetesServer, observe: Observe) -> list[str]:
    """Collects the writes after which `catalogue` uses a waypoint and has lost a policy."""
    found: list[str] = []

    def watch(change: ObjectChange) -> None:
        service = kubernetes.store.find("Service", "shop", "catalogue")
        if service and "istio.io/use-waypoint" in (service["metadata"].get("labels") or {}):
            specs = str([each["spec"] for each in kubernetes.store.objects("AuthorizationPolicy", "shop")])
            if not all(f"/sa/{source}" in specs for source in ("web", "ads")):
                found.append(f"{change.kind.name} {change.object['metadata']['name']}")

    observe(watch)
    return found


def test_policies_stay_until_the_consumer_removes_its_labels(
    beacon: BeaconModel, second: BeaconModel, observe: Observe
):
    relation = beacon.consumer("catalogue", *ASKED)
    beacon.hook()
    closed = shut(beacon.kubernetes, observe)
    beacon.leave(relation)
    assert ALLOWED in beacon.allowed()
    assert beacon.state.unit_status.name == "waiting"
    assert beacon.state.unit_status.message == (
        "catalogue is no longer related; keeping its policies while its Service uses the waypoint"
    )
    second.consumer("catalogue", *ASKED)
    beacon.hook()
    second.hook()
    assert closed == []
    assert all(name.startswith("shop/shop.second.") for name in second.policies())
    assert ALLOWED in second.allowed()
    assert beacon.hook().message == "0 policies for 0 consumers"


def test_a_consumer_that_has_left_the_mesh_leaves_no_policy(beacon: BeaconModel):
    relation = beacon.consumer("catalogue", *ASKED)
    beacon.leave(relation)
    beacon.drop_labels("catalogue")
    assert beacon.hook().name == "active"
    assert beacon.policies() == {}


def test_where_services_can_not_be_listed_policies_stay(beacon: BeaconModel):
    relation = beacon.consumer("catalogue", *ASKED)
    beacon.drop_labels("catalogue")
    beacon.kubernetes.access.deny(verbs=["list"], resources=["services"])
    beacon.leave(relation)
    problems = beacon.plan_action()["problems"]
    beacon.kubernetes.access.restore()
    assert ALLOWED in beacon.allowed()
    assert "juju trust beacon" in problems
    beacon.hook()
    assert beacon.policies() == {}


def test_only_a_consumer_that_left_costs_a_list_of_services(beacon: BeaconModel):
    relation = beacon.consumer("catalogue", *ASKED)
    beacon.kubernetes.requests.clear()
    beacon.hook("config_changed")
    assert beacon.lists_of("services") == 0
    beacon.leave(relation)
    assert beacon.lists_of("services") == 1


def test_two_beacons_of_a_model_have_nothing_in_common(beacon: BeaconModel, second: BeaconModel):
    gateways = beacon.gateways()
    assert {each["metadata"]["name"] for each in gateways} == {"shop-beacon-waypoint", "shop-second-waypoint"}
    assert len({each["metadata"]["labels"]["app.kubernetes.io/instance"] for each in gateways}) == 2
    assert len({each["metadata"]["annotations"]["charms.canonical.com/mesh.owner"] for each in gateways}) == 2
    assert len({str(each["spec"]["infrastructure"]["labels"]) for each in gateways}) == 2
    assert len(beacon.autoscalers()) == 2
    assert beacon.pod_labels("beacon") != beacon.pod_labels("second")
