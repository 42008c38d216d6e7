"""Policies that are enforced, in audit mode, or off."""

import dataclasses
import json

import pytest
from ops import testing

from istio_policies import PURPOSE
from sandbox.kubernetes import KubernetesServer
from tests.scenario.beacon.beacon_model import BeaconModel, databag, policy

pytestmark = pytest.mark.kubernetes

ALLOWED = {("shop/web", "shop/catalogue"), ("shop/ads", "shop/app.kubernetes.io/name=catalogue")}


@pytest.fixture
def beacon(beacon: BeaconModel) -> BeaconModel:
    beacon.consumer("catalogue", policy("web", "catalogue"), policy("ads", "catalogue", target_type="unit"))
    return beacon


def dry_run(beacon: BeaconModel) -> dict[str, bool]:
    """The names of all requested policies, and whether each is in audit mode."""
    marks = {
        each["metadata"]["name"]: each["metadata"].get("annotations", {})
        for each in beacon.kubernetes.store.objects("AuthorizationPolicy")
    }
    return {
        name: each.get("istio.io/dry-run") == "true"
        for name, each in marks.items()
        if PURPOSE not in each and not name.endswith("-waypoint")
    }


def allowing_all(beacon: BeaconModel) -> list[object]:
    """The targets where everything is allowed because of audit mode."""
    found = [
        each["spec"]
        for each in beacon.kubernetes.store.objects("AuthorizationPolicy")
        if each["metadata"].get("annotations", {}).get(PURPOSE) == "audit"
    ]
    assert all(spec["rules"] == [{}] for spec in found)
    return sorted((spec.get("selector") or spec["targetRefs"] for spec in found), key=str)


def test_switching_mode_writes_each_policy_once(beacon: BeaconModel):
    # One allows the waypoint at the pods. In audit mode, one at each of the two places allows everything.
    for mode, trial in (("audit", True), ("enforce", False), ("audit", True)):
        beacon.kubernetes.requests.clear()
        beacon.configure(policy_mode=mode)
        written = ["PATCH"] * 5 if trial else [*["PATCH"] * 3, "DELETE", "DELETE"]
        assert [request.method for request in beacon.writes()] == written
        assert set(dry_run(beacon).values()) == {trial}
        assert beacon.allowed() == ALLOWED
        beacon.kubernetes.requests.clear()
        beacon.hook()
        assert beacon.writes() == []


def test_policy_requested_during_audit_is_dry_run(beacon: BeaconModel):
    beacon.configure(policy_mode="audit")
    beacon.consumer("orders", policy("web", "orders"))
    assert len(dry_run(beacon)) == 3
    assert all(dry_run(beacon).values())


def test_audit_status(beacon: BeaconModel):
    beacon.configure(policy_mode="audit")
    status = beacon.hook()
    assert status.name == "active"
    assert status.message == "audit mode: 2 policies for 1 consumer, logged, not enforced"


def test_audit_allows_everything(beacon: BeaconModel):
    beacon.configure(policy_mode="audit")
    on_pods = {"matchLabels": {"app.kubernetes.io/name": "catalogue"}}
    on_service = [{"group": "", "kind": "Service", "name": "catalogue"}]
    assert allowing_all(beacon) == sorted([on_service, on_pods], key=str)


@pytest.mark.parametrize("mode", ["enforce", "off"])
def test_nothing_is_left_of_audit(beacon: BeaconModel, mode: str):
    beacon.configure(policy_mode="audit")
    beacon.configure(policy_mode=mode)
    assert allowing_all(beacon) == []


def test_audit_is_published_to_consumers(beacon: BeaconModel):
    relation = beacon.consumer("orders", policy("web", "orders"))
    for mode, published in (("audit", '"audit"'), ("enforce", None), ("off", None)):
        beacon.configure(policy_mode=mode)
        assert beacon.relation(relation).local_app_data.get("policy_mode") == published


def test_status_of_audited_policies_is_no_problem_after_audit(beacon: BeaconModel):
    beacon.kubernetes.controllers.policies.stop()
    beacon.configure(policy_mode="audit")
    beacon.kubernetes.controllers.policies.start()
    beacon.kubernetes.controllers.policies.stop()
    try:
        assert beacon.configure(policy_mode="enforce").name == "active"
    finally:
        beacon.kubernetes.controllers.policies.start()
    assert beacon.hook().message == "2 policies for 1 consumer, all enforced"


def test_model_operator_is_allowed_during_audit(beacon: BeaconModel):
    beacon.configure(policy_mode="audit", model_on_mesh=True)
    assert dry_run(beacon)["shop.beacon.modeloperator"] is False


@pytest.mark.parametrize(
    "options",
    [
        {"policy_mode": "off"},
        {"manage_authorization_policies": False},
        {"manage_authorization_policies": False, "policy_mode": "audit"},
        {"manage_authorization_policies": True, "policy_mode": "off"},
    ],
)
def test_off_by_either_option_is_off(beacon: BeaconModel, options: dict[str, bool | str]):
    assert beacon.configure(**options).message == "1 consumer, policies are not managed"
    assert beacon.policies() == {}


@pytest.mark.parametrize("value", ["audit-only", "", "Enforce", "off "])
def test_invalid_mode_is_named_and_changes_no_policy(beacon: BeaconModel, value: str):
    before = dry_run(beacon)
    relation = beacon.consumer("orders", policy("web", "orders"))
    labels = beacon.relation(relation).local_app_data["labels"]
    beacon.kubernetes.requests.clear()
    status = beacon.configure(policy_mode=value)
    assert status.name == "blocked"
    assert status.message.startswith("config policy-mode, using enforce: must be 'enforce', 'audit' or ")
    assert "juju config beacon policy-mode=…" in status.message
    assert beacon.writes() == []
    assert before.keys() < dry_run(beacon).keys()
    assert beacon.relation(relation).local_app_data["labels"] == labels


def test_invalid_option_removes_no_labels(beacon: BeaconModel, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SCENARIO_SKIP_CONSISTENCY_CHECKS", "1")
    relation = beacon.consumer("orders", policy("web", "orders"))
    labels = beacon.relation(relation).local_app_data["labels"]
    status = beacon.configure(model_on_mesh="perhaps")
    assert status.message.startswith("config model-on-mesh, using False: must be a valid boolean")
    assert beacon.relation(relation).local_app_data["labels"] == labels


def test_retained_policies_are_audited_too(kubernetes: KubernetesServer):
    beacon = BeaconModel(kubernetes)
    relation = beacon.consumer("catalogue", policy("web", "catalogue"))
    beacon.publish(relation, {"policies": "nonsense"})
    beacon.configure(policy_mode="audit")
    assert list(dry_run(beacon).values()) == [True]
    assert len(allowing_all(beacon)) == 2


@pytest.mark.parametrize("mode", ["enforce", "audit"])
def test_invalid_mode_keeps_the_last_one_and_revocations(beacon: BeaconModel, mode: str):
    relation = beacon.consumer("orders", policy("web", "orders"), policy("ads", "orders"))
    beacon.configure(policy_mode=mode)
    status = beacon.configure(policy_mode="bogus")
    assert status.name == "blocked"
    assert status.message.startswith(f"config policy-mode, using {mode}: must be 'enforce', 'audit' or ")
    beacon.publish(relation, databag(policy("ads", "orders")))
    assert beacon.allowed() == {*ALLOWED, ("shop/ads", "shop/orders")}
    assert set(dry_run(beacon).values()) == {mode == "audit"}
    assert f"using {mode}" in beacon.plan_action()["problems"]


def test_mode_of_a_newer_revision_is_the_default_after_a_rollback(beacon: BeaconModel):
    last = testing.StoredState(
        owner_path="IstioBeaconCharm",
        content={"config": json.dumps({"policy_mode": "newer"}), "problems": [], "mesh": ""},
    )
    config = {**beacon.state.config, "policy-mode": "newer"}
    beacon.state = dataclasses.replace(beacon.state, config=config, stored_states={last})
    assert beacon.hook("upgrade_charm").message.startswith("config policy-mode, using enforce: must be ")
    assert beacon.allowed() == ALLOWED


def test_a_beacon_that_never_had_a_valid_mode_enforces(kubernetes: KubernetesServer):
    beacon = BeaconModel(kubernetes)
    beacon.configure(policy_mode="bogus")
    beacon.consumer("catalogue", policy("web", "catalogue"))
    assert list(dry_run(beacon).values()) == [False]
