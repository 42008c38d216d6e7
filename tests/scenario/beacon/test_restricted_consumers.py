"""A consumer requests policies for itself only."""

import pytest

from charmlibs.interfaces.service_mesh import MeshPolicy
from tests.scenario.beacon.beacon_model import BeaconModel, databag, policy

pytestmark = pytest.mark.kubernetes

PODS_OF_CATALOGUE = {"app.kubernetes.io/name": "catalogue", "tier": "api"}


def pods(**labels: str) -> MeshPolicy:
    return policy("web", "", target_app_name=None, target_type="unit", target_selector_labels=labels)


REFUSED = {
    "another application": policy("web", "orders"),
    "a unit of another application": policy("web", "orders", target_type="unit"),
    "the application of that name in another model": policy("web", "catalogue", target_namespace="bank"),
    "the Service of another application": policy("web", "catalogue", target_service="orders"),
    "the Service of another application and no application": policy(
        "web", "", target_app_name=None, target_service="orders"
    ),
    "a Service that starts with its name": policy("web", "catalogue", target_service="catalogue-reviews"),
    "a Service that does not exist": policy("web", "catalogue", target_service="nothing"),
    "pods of any application": pods(tier="api"),
    "pods of another application": pods(**{"app.kubernetes.io/name": "orders"}),
}
GRANTED = {
    "itself": policy("web", "catalogue"),
    "itself by the name of its Service": policy("web", "catalogue", target_service="catalogue"),
    "its units": policy("web", "catalogue", target_type="unit"),
    "another Service of its own": policy("web", "catalogue", target_service="catalogue-admin"),
    "another Service of its own, by that name alone": policy(
        "web", "", target_app_name=None, target_service="catalogue-admin"
    ),
    "some of its pods": pods(**PODS_OF_CATALOGUE),
    "itself, for somebody of another model": policy("web", "catalogue", source_namespace="bank"),
}


@pytest.fixture
def beacon(beacon: BeaconModel) -> BeaconModel:
    for app in ("catalogue", "orders", "catalogue-reviews"):
        beacon.juju_deploys(app)
    beacon.create_service("catalogue-admin", selects="catalogue")
    return beacon


@pytest.mark.parametrize("requested", REFUSED.values(), ids=REFUSED)
def test_a_consumer_is_refused_a_policy_on(beacon: BeaconModel, requested: MeshPolicy):
    beacon.consumer("catalogue", requested, policy("ads", "catalogue"))
    status = beacon.hook()
    assert beacon.allowed() == {("shop/ads", "shop/catalogue")}
    assert status.name == "blocked"
    assert "catalogue may not set policy on" in status.message


@pytest.mark.parametrize("requested", GRANTED.values(), ids=GRANTED)
def test_a_consumer_gets_a_policy_on(beacon: BeaconModel, requested: MeshPolicy):
    beacon.consumer("catalogue", requested)
    assert len(beacon.policies()) == 1
    assert beacon.hook().name == "active"


def test_unrestricted_consumer_may_set_any_policy(beacon: BeaconModel):
    beacon.kubernetes.store.create(beacon.kubernetes.store.kind("Namespace"), {"metadata": {"name": "bank"}})
    beacon.configure(restrict_consumers=False)
    beacon.consumer("catalogue", *REFUSED.values())
    assert {target for _, target in beacon.allowed()} == {
        "shop/orders",
        "shop/app.kubernetes.io/name=orders",
        "bank/catalogue",
        "shop/catalogue-reviews",
        "shop/nothing",
        "shop/tier=api",
    }


def test_restricting_again_deletes_extra_policies(beacon: BeaconModel):
    beacon.configure(restrict_consumers=False)
    beacon.consumer("catalogue", policy("web", "orders"), policy("web", "catalogue"))
    beacon.configure(restrict_consumers=True)
    assert beacon.allowed() == {("shop/web", "shop/catalogue")}


def test_status_names_a_rejection_and_counts_the_others(beacon: BeaconModel):
    beacon.consumer("catalogue", *REFUSED.values())
    assert beacon.hook().message == (
        "catalogue may not set policy on 'orders' (and 5 more: juju run beacon/0 plan)"
    )


def test_a_refused_name_can_not_flood_the_status(beacon: BeaconModel):
    beacon.consumer("catalogue", policy("web", "x" * 10_000))
    message = beacon.hook().message
    assert len(message) <= 100


def test_services_are_listed_only_for_other_names(beacon: BeaconModel):
    beacon.consumer("catalogue", policy("web", "catalogue"))
    beacon.kubernetes.requests.clear()
    beacon.hook("config_changed")
    assert beacon.lists_of("services") == 0
    services = [policy("web", "orders", target_service=f"orders-{number}") for number in range(10)]
    beacon.consumer("orders", *services)
    beacon.kubernetes.requests.clear()
    beacon.hook("config_changed")
    assert beacon.lists_of("services") == 1


def test_unlisted_services_delay_only_dependent_policies(beacon: BeaconModel):
    relation = beacon.consumer("catalogue", policy("web", "catalogue", target_service="catalogue-admin"))
    beacon.kubernetes.access.deny(verbs=["list"], resources=["services"])
    beacon.publish(relation, databag(policy("ads", "catalogue", target_service="catalogue-admin")))
    beacon.relate("service-mesh", "orders", databag(policy("web", "orders")))
    problems = beacon.plan_action()["problems"]
    beacon.kubernetes.access.restore()
    assert beacon.allowed() == {("shop/web", "shop/catalogue-admin"), ("shop/web", "shop/orders")}
    assert beacon.state.unit_status.name == "blocked"
    assert beacon.state.unit_status.message.startswith(
        "policies of catalogue cannot be checked; keeping its previous"
    )
    assert (
        "policies of catalogue cannot be checked; keeping its previous ones: "
        "missing permissions: run juju trust beacon --scope=cluster"
    ) in problems
    beacon.hook()
    assert ("shop/ads", "shop/catalogue-admin") in beacon.allowed()
