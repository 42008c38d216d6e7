"""The `plan` action lists changes without making them."""

import ops
import pytest

from tests.scenario.beacon.beacon_model import BeaconModel, databag, policy

POLICY = "AuthorizationPolicy shop/shop.beacon.catalogue.app.from.shop.web"
AT_PODS = "AuthorizationPolicy shop/shop.beacon.catalogue.unit.from.shop.shop-beacon-waypoint"


def test_a_beacon_that_has_settled_has_nothing_to_do(beacon: BeaconModel):
    beacon.consumer("catalogue", policy("web", "catalogue"))
    beacon.hook()
    assert beacon.plan_action() == {
        "policy-mode": "enforce",
        "summary": "0 to create, 0 to change, 0 to delete",
        "changes": "none",
    }


def test_plan_with_policies_off_shows_them_on(beacon: BeaconModel):
    beacon.consumer("catalogue", policy("web", "catalogue"))
    beacon.configure(policy_mode="off")
    beacon.kubernetes.requests.clear()
    plan = beacon.plan_action()
    assert beacon.writes() == []
    assert plan["policy-mode"] == "enforce"
    assert plan["changes"].splitlines() == [f"create  {POLICY}", f"create  {AT_PODS}"]
    assert plan["access-changes"] == "would allow shop/web -> shop/catalogue"


def test_another_mode_can_be_planned(beacon: BeaconModel):
    beacon.consumer("catalogue", policy("web", "catalogue"))
    plan = beacon.plan_action(policy_mode="audit")
    allowing_all = [
        f"create  AuthorizationPolicy shop/shop.beacon.catalogue.{kind}.audit" for kind in ("app", "unit")
    ]
    assert plan["changes"].splitlines() == [*allowing_all, f"change  {POLICY}", f"change  {AT_PODS}"]
    assert plan["access-changes"] == "1 policy would be in audit mode: logged, not enforced"
    assert plan["warning"] == "policies are logged, not enforced"
    plan = beacon.plan_action(policy_mode="off")
    assert plan["changes"].splitlines() == [f"delete  {POLICY}", f"delete  {AT_PODS}"]
    assert beacon.allowed() == {("shop/web", "shop/catalogue")}


@pytest.mark.parametrize("leader", [True, False])
def test_every_unit_plans_all_that_differs(beacon: BeaconModel, leader: bool):
    relation = beacon.consumer("catalogue", policy("web", "catalogue"))
    beacon.lead(False)
    beacon.publish(relation, databag(policy("ads", "catalogue")))
    beacon.configure(model_on_mesh=True)
    beacon.plan(3)
    beacon.lead(leader)
    beacon.kubernetes.requests.clear()
    plan = beacon.plan_action()
    assert beacon.writes() == []
    assert set(plan["changes"].splitlines()) == {
        "change  HorizontalPodAutoscaler shop/shop-beacon-waypoint",
        "create  AuthorizationPolicy shop/shop.beacon.catalogue.app.from.shop.ads",
        "create  AuthorizationPolicy shop/shop.beacon.modeloperator",
        "create  AuthorizationPolicy shop/shop.beacon.modeloperator-legacy",
        f"delete  {POLICY}",
        "change  Namespace shop",
        "change  StatefulSet shop/beacon",
        "change  Service shop/beacon",
        "delete  ConfigMap shop/juju-service-mesh-beacon-labels",
    }


def test_what_is_planned_is_what_is_done(beacon: BeaconModel):
    relation = beacon.consumer("catalogue", policy("web", "catalogue"))
    beacon.lead(False)
    beacon.publish(
        relation, databag(policy("ads", "catalogue"), policy("ads", "catalogue", target_type="unit"))
    )
    planned = beacon.plan_action(format="json")["changes"].values()
    beacon.kubernetes.requests.clear()
    beacon.lead(True)
    beacon.hook()
    assert {request.path.rsplit("/", 1)[1] for request in beacon.writes()} == {
        change["name"] for change in planned
    }


def test_json_has_a_key_for_each_change_and_problem(beacon: BeaconModel):
    relation = beacon.consumer("catalogue", policy("web", "orders"))
    beacon.lead(False)
    beacon.publish(relation, databag(policy("web", "orders"), policy("web", "catalogue")))
    plan = beacon.plan_action(format="json")
    assert plan["changes"] == {
        number: {
            "action": "create",
            "kind": "AuthorizationPolicy",
            "namespace": "shop",
            "name": written.rpartition("/")[2],
        }
        for number, written in (("1", POLICY), ("2", AT_PODS))
    }
    assert plan["access-changes"] == {"1": "would allow shop/web -> shop/catalogue"}
    assert plan["problems"]["1"]["status"] == "blocked"
    assert "may not set policy on 'orders'" in plan["problems"]["1"]["message"]


def test_json_omits_empty_lists(beacon: BeaconModel):
    assert set(beacon.plan_action(format="json")) == {"policy-mode", "summary"}


def test_each_problem_is_listed_where_the_status_has_only_one(beacon: BeaconModel):
    beacon.consumer("catalogue", *(policy("web", f"app-{number}") for number in range(5)))
    assert beacon.hook().message.endswith("(and 4 more: juju run beacon/0 plan)")
    problems = beacon.plan_action()["problems"].splitlines()
    assert len(problems) == 5
    assert all("may not set policy on" in problem for problem in problems)


@pytest.mark.parametrize("leader", [True, False])
def test_the_metrics_proxy_is_no_exception(beacon: BeaconModel, leader: bool):
    beacon.lead(leader)
    beacon.set_container(can_connect=False)
    if leader:
        beacon.consumer("catalogue", policy("web", "orders"))
        assert beacon.hook().message.endswith("(and 1 more: juju run beacon/0 plan)")
    problems = beacon.plan_action()["problems"].splitlines()
    assert problems[leader:] == ["waiting: container metrics-proxy is not ready"]
    beacon.set_container(can_connect=True)
    beacon.hook()
    assert "metrics-proxy" not in beacon.plan_action().get("problems", "")


def test_stopped_metrics_proxy_is_a_problem(beacon: BeaconModel):
    beacon.set_container(service_statuses={"metrics-proxy": ops.pebble.ServiceStatus.ERROR})
    assert beacon.plan_action()["problems"] == "waiting: metrics-proxy is not running: juju debug-log"


def test_plan_has_whole_problems(beacon: BeaconModel):
    unresolved = f"remote-{'0123456789abcdef' * 2}"
    beacon.consumer("catalogue", policy(unresolved, "catalogue"))
    assert beacon.hook().message.startswith("waiting for the identity of ")
    problem = f"waiting for the identity of {unresolved}: integrate it with catalogue over cross_model_mesh"
    assert beacon.plan_action()["problems"] == f"waiting: {problem}"
    assert beacon.plan_action(format="json")["problems"]["1"]["message"] == problem


def test_incomplete_plan_is_marked(beacon: BeaconModel):
    beacon.kubernetes.access.deny(verbs=["list"])
    plan = beacon.plan_action()
    assert plan["summary"].endswith("incomplete: see problems")
    assert "juju trust beacon --scope=cluster" in plan["problems"]


def test_a_plan_writes_nothing_in_the_log(beacon: BeaconModel, caplog: pytest.LogCaptureFixture):
    beacon.consumer("catalogue", policy("web", "catalogue"))
    beacon.hook()
    caplog.clear()
    beacon.plan_action(policy_mode="off")
    assert not [line for line in caplog.records if line.name in ("mesh_history", "model_mesh", "problems")]
    assert beacon.state.unit_status.name == "active"


def test_thousands_of_changes_fit_what_juju_takes(beacon: BeaconModel):
    beacon.configure(policy_mode="off", restrict_consumers=False)
    beacon.consumer("catalogue", *(policy(f"web-{number}", f"app-{number}") for number in range(1000)))
    for form in ("table", "json"):
        assert len(str(beacon.plan_action(format=form))) < 90_000
