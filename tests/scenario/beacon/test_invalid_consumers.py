"""Invalid data of one consumer do not affect the others."""

import json

import pytest
from ops import testing

from tests.scenario.beacon.beacon_model import BeaconModel, databag, policy

pytestmark = pytest.mark.kubernetes

NONSENSE = {
    "no JSON": "{",
    "no list": '{"policies": []}',
    "a list of something else": "[1, null]",
    "an unknown target": '[{"source_namespace": "shop", "source_app_name": "a", "target_type": "pod"}]',
    "deep nesting": "[" * 100_000,
    "a number too large": "[1e999999]",
    "half a character": '["\\ud800"]',
}


@pytest.fixture(autouse=True)
def orders(beacon: BeaconModel) -> testing.Relation:
    return beacon.consumer("orders", policy("web", "orders"))


@pytest.fixture
def catalogue(beacon: BeaconModel) -> testing.Relation:
    return beacon.consumer("catalogue", policy("web", "catalogue"))


@pytest.mark.parametrize("text", NONSENSE.values(), ids=NONSENSE)
def test_invalid_consumer_keeps_policies_and_affects_no_other(
    beacon: BeaconModel, catalogue: testing.Relation, text: str
):
    before = beacon.policies()
    beacon.publish(catalogue, {"policies": text})
    assert beacon.policies() == before


@pytest.mark.parametrize("text", NONSENSE.values(), ids=NONSENSE)
def test_status_names_relation_and_what_is_wrong(beacon: BeaconModel, catalogue: testing.Relation, text: str):
    beacon.publish(catalogue, {"policies": text})
    status = beacon.hook()
    assert status.name == "blocked"
    assert f"catalogue (service-mesh:{catalogue.id}) sent invalid policies" in status.message
    assert "policies" in status.message
    assert len(status.message) <= 100


def test_status_has_the_first_error_and_a_count(beacon: BeaconModel, catalogue: testing.Relation):
    beacon.publish(catalogue, {"policies": '[{"source_app_name": 7}, "x", null]'})
    message = beacon.hook().message
    assert "policies[0]: " in beacon.plan_action()["problems"]
    assert message.endswith("(and 2 more: juju run beacon/0 plan)")


def test_what_others_change_meanwhile_is_done(
    beacon: BeaconModel, catalogue: testing.Relation, orders: testing.Relation
):
    beacon.publish(catalogue, {"policies": "nonsense"})
    beacon.publish(orders, databag(policy("ads", "orders")))
    beacon.consumer("reviews", policy("web", "reviews"))
    assert beacon.allowed() == {
        ("shop/web", "shop/catalogue"),
        ("shop/ads", "shop/orders"),
        ("shop/web", "shop/reviews"),
    }


def test_corrected_databag_is_applied(beacon: BeaconModel, catalogue: testing.Relation):
    beacon.publish(catalogue, {"policies": "nonsense"})
    beacon.publish(catalogue, databag(policy("ads", "catalogue")))
    assert beacon.allowed() == {("shop/ads", "shop/catalogue"), ("shop/web", "shop/orders")}
    assert beacon.hook().name == "active"


def test_valid_half_of_a_consumer_is_applied(beacon: BeaconModel, catalogue: testing.Relation):
    half = [policy("ads", "catalogue").model_dump(mode="json"), {"source_app_name": "?"}]
    beacon.publish(catalogue, {"policies": json.dumps(half)})
    assert beacon.allowed() == {
        ("shop/web", "shop/catalogue"),
        ("shop/ads", "shop/catalogue"),
        ("shop/web", "shop/orders"),
    }
    assert beacon.hook().name == "blocked"


def test_consumer_with_invalid_data_that_leaves_keeps_nothing(
    beacon: BeaconModel, catalogue: testing.Relation
):
    beacon.publish(catalogue, {"policies": "nonsense"})
    beacon.unrelate(catalogue)
    assert beacon.allowed() == {("shop/web", "shop/orders")}


def test_managed_mode_off_removes_policies_of_invalid_consumers(
    beacon: BeaconModel, catalogue: testing.Relation
):
    beacon.publish(catalogue, {"policies": "nonsense"})
    beacon.configure(manage_authorization_policies=False)
    assert beacon.policies() == {}


def test_consumer_that_never_could_be_read_has_nothing(beacon: BeaconModel, catalogue: testing.Relation):
    beacon.relate("service-mesh", "reviews", {"policies": "nonsense"})
    assert beacon.allowed() == {("shop/web", "shop/catalogue"), ("shop/web", "shop/orders")}


def test_consumer_that_has_not_written_yet_is_no_problem(beacon: BeaconModel, catalogue: testing.Relation):
    beacon.relate("service-mesh", "reviews")
    assert beacon.hook().message == "2 policies for 3 consumers, all enforced"


def test_unknown_keys_are_ignored(beacon: BeaconModel, catalogue: testing.Relation):
    beacon.publish(catalogue, {**databag(policy("ads", "catalogue")), "mood": "good"})
    assert ("shop/ads", "shop/catalogue") in beacon.allowed()
    assert beacon.hook().name == "active"


def test_unknown_restriction_allows_nothing(beacon: BeaconModel, catalogue: testing.Relation):
    sent = policy("ads", "catalogue").model_dump(mode="json")
    beacon.publish(catalogue, {"policies": json.dumps([{**sent, "endpoints": [{"not_paths": ["/admin"]}]}])})
    assert ("shop/ads", "shop/catalogue") not in beacon.allowed()
    assert "policies[0]: endpoints.0.not_paths: " in beacon.plan_action()["problems"]


def test_oldest_consumers_can_be_read(beacon: BeaconModel, catalogue: testing.Relation):
    sent = policy("ads", "catalogue").model_dump(mode="json")
    del sent["target_type"], sent["target_selector_labels"]
    beacon.publish(catalogue, {"policies": json.dumps([sent])})
    assert ("shop/ads", "shop/catalogue") in beacon.allowed()


def test_invalid_identity_means_the_local_name(beacon: BeaconModel):
    beacon.relate("metrics-endpoint", "prometheus")
    beacon.relate("provide-cmr-mesh", "prometheus", {"cmr_data": "nonsense"})
    assert ("shop/prometheus", "shop/app.kubernetes.io/name=beacon") in beacon.allowed()
    status = beacon.hook()
    assert status.name == "blocked"
    assert status.message.startswith("prometheus sent an invalid identity over provide-cmr-mesh")


def test_nothing_of_unreadable_databag_is_logged_whole(beacon: BeaconModel, catalogue: testing.Relation):
    secret = "hunter2" * 1000
    beacon.publish(catalogue, {"policies": json.dumps([{"source_app_name": secret}, secret])})
    assert secret not in "".join(line.message for line in beacon.context.juju_log)
    assert "hunter2" not in beacon.hook().message
