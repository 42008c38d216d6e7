"""The log at INFO reads as a history of what changed in the mesh."""

import logging
from collections.abc import Callable

import pytest

from tests.scenario.beacon.beacon_model import BeaconModel, databag, policy

History = Callable[[], list[str]]


@pytest.fixture
def history(beacon: BeaconModel, caplog: pytest.LogCaptureFixture) -> History:
    """Returns what the beacon has logged at INFO since the last call."""

    def read() -> list[str]:
        lines = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
        caplog.clear()
        return lines

    caplog.clear()
    return read


def test_allowed_traffic_is_logged(beacon: BeaconModel, history: History):
    history()
    beacon.consumer("catalogue", policy("web", "catalogue"), policy("ads", "catalogue", target_type="unit"))
    assert history() == [
        "allowed shop/web -> shop/catalogue",
        "allowed shop/ads -> units of shop/catalogue",
    ]


def test_traffic_no_longer_allowed_is_logged(beacon: BeaconModel, history: History):
    relation = beacon.consumer("catalogue", policy("web", "catalogue"), policy("ads", "catalogue"))
    history()
    beacon.publish(relation, databag(policy("web", "catalogue")))
    assert history() == ["no longer allowed shop/ads -> shop/catalogue"]


def test_changed_requests_are_logged(beacon: BeaconModel, history: History):
    relation = beacon.consumer("catalogue", policy("web", "catalogue"))
    history()
    beacon.publish(relation, databag(policy("web", "catalogue", endpoints=[{"ports": [80]}])))
    assert history() == ["changed allowed requests shop/web -> shop/catalogue"]


def test_waypoint_and_namespace_are_logged(beacon: BeaconModel, history: History):
    history()
    beacon.scale(2)
    beacon.configure(model_on_mesh=True)
    beacon.configure(model_on_mesh=False)
    operators = [
        "units in shop with juju-modeloperator=modeloperator",
        "units in shop with operator.juju.is/name=modeloperator,operator.juju.is/target=model",
    ]
    open_again = "is open to all, unless the mesh is hardened or other policies restrict it"
    assert history() == [
        "scaling waypoint shop-beacon-waypoint to 2 replicas",
        *(f"allowed anybody -> {operator}" for operator in operators),
        "namespace shop joins the mesh",
        "namespace shop leaves the mesh",
        *(f"{operator} {open_again}: the last policy here allowed anybody" for operator in operators),
    ]


def test_many_changes_are_a_few_lines(beacon: BeaconModel, history: History):
    beacon.configure(restrict_consumers=False)
    history()
    beacon.consumer("apps", *(policy("web", f"app-{number}") for number in range(40)))
    beacon.consumer("app", *(policy(f"web-{number}", "app") for number in range(40)))
    lines = history()
    assert len(lines) == 20 + 1 + 1
    assert lines[-1].endswith(" and 30 more -> shop/app")


def test_unknown_identity_is_logged_in_words(beacon: BeaconModel, history: History):
    """Its policy allows no source yet; its removal, once the identity is known, denies none."""
    unresolved = f"remote-{'0123456789abcdef' * 2}"
    relation = beacon.consumer("catalogue", policy(unresolved, "catalogue"))
    assert history() == ["allowed an application of another model with unknown identity -> shop/catalogue"]
    beacon.publish(relation, databag(policy("kiosk", "catalogue", source_namespace="office")))
    assert history() == ["allowed office/kiosk -> shop/catalogue"]


def test_problem_and_its_resolution_are_logged_once(beacon: BeaconModel, caplog: pytest.LogCaptureFixture):
    def logged() -> list[tuple[int, str]]:
        lines = [(line.levelno, line.getMessage()) for line in caplog.records if line.name == "problems"]
        caplog.clear()
        return lines

    relation = beacon.consumer("catalogue", policy("web", "orders"))
    refusal = (
        "catalogue may not set policy on 'orders'; to allow it: juju config beacon restrict-consumers=false"
    )
    assert logged() == [(logging.WARNING, refusal)]
    beacon.hook()
    assert logged() == []
    beacon.publish(relation, databag(policy("web", "catalogue")))
    assert logged() == [(logging.INFO, f"resolved: {refusal}")]
    beacon.hook()
    assert logged() == []


def test_an_invalid_option_resolves_nothing(beacon: BeaconModel, caplog: pytest.LogCaptureFixture):
    beacon.consumer("catalogue", policy("web", "orders"))
    caplog.clear()
    beacon.configure(policy_mode="audti")
    beacon.configure(policy_mode="enforce")
    logged = [line.getMessage() for line in caplog.records if line.name == "problems"]
    assert [line.partition(":")[0] for line in logged] == ["config policy-mode, using enforce", "resolved"]
    assert logged[1] == f"resolved: {logged[0]}"


def test_unprotected_target_is_not_logged_as_denied(beacon: BeaconModel, history: History):
    relation = beacon.consumer("catalogue", policy("web", "catalogue"))
    history()
    beacon.unrelate(relation)
    assert history() == [
        "shop/catalogue is open to all, unless the mesh is hardened or other policies restrict it: "
        "the last policy here allowed shop/web"
    ]


def test_an_audit_is_one_line_and_what_comes_during_it_is_marked(beacon: BeaconModel, history: History):
    beacon.consumer("catalogue", policy("web", "catalogue"), policy("ads", "catalogue"))
    history()
    beacon.configure(policy_mode="audit")
    assert history() == ["2 policies are in audit mode now: logged, not enforced"]
    beacon.consumer("orders", policy("web", "orders"))
    assert history() == ["audit: allowed shop/web -> shop/orders"]
    beacon.configure(policy_mode="enforce")
    assert history() == ["3 policies are enforced now, no longer in audit mode"]
