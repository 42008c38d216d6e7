"""Istio's reports on the policies written."""

from typing import Any

import pytest

from istio_policies import AuthorizationPolicy, Enforcement, enforcement
from k8s_charm import ObjectRef

REF = ObjectRef("AuthorizationPolicy", "m", "p")
FOR_SERVICE = {"targetRefs": [{"group": "", "kind": "Service", "name": "shop"}]}
FOR_PODS = {"selector": {"matchLabels": {"a": "b"}}}


def verdict(spec: dict[str, Any], *conditions: dict[str, Any], generation: int = 2) -> Enforcement:
    policy = {"metadata": {"name": "p", "namespace": "m", "generation": generation}, "spec": spec}
    if conditions:
        policy["status"] = {"conditions": list(conditions)}
    (only,) = enforcement([AuthorizationPolicy.from_dict(policy)])
    return only


def condition(kind: str, status: str, reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": message, **more}


@pytest.mark.parametrize(("spec", "kind"), [(FOR_SERVICE, "WaypointAccepted"), (FOR_PODS, "ZtunnelAccepted")])
def test_policy_that_was_accepted_is_enforced(spec: dict[str, Any], kind: str):
    assert verdict(spec, condition(kind, "True", "Accepted", "fine")) == Enforcement(REF, True, "")


def test_rejected_policy_has_istios_reason():
    unbound = condition(
        "WaypointAccepted", "False", "AncestorNotBound", "Service m/shop is not bound to a waypoint"
    )
    assert verdict(FOR_SERVICE, unbound) == Enforcement(
        REF, False, "Service m/shop is not bound to a waypoint", "AncestorNotBound"
    )


def test_one_that_was_accepted_only_in_part_is_not_enforced():
    partly = condition(
        "ZtunnelAccepted", "True", "UnsupportedValue", "ztunnel does not support HTTP attributes"
    )
    assert verdict(FOR_PODS, partly).enforced is False


def test_reason_without_message_is_its_code():
    assert (
        verdict(FOR_SERVICE, condition("WaypointAccepted", "False", "TargetNotFound")).reason
        == "TargetNotFound"
    )


def test_what_istio_has_not_looked_at_is_unknown():
    assert verdict(FOR_SERVICE) == Enforcement(REF, None, "")


def test_condition_of_ztunnel_does_not_count_for_service():
    assert verdict(FOR_SERVICE, condition("ZtunnelAccepted", "True", "Accepted")).enforced is None


def test_status_of_earlier_generation_is_ignored():
    accepted = condition("WaypointAccepted", "True", "Accepted", observedGeneration=1)
    assert verdict(FOR_SERVICE, accepted, generation=2).enforced is None
    assert verdict(FOR_SERVICE, accepted, generation=1).enforced is True


@pytest.mark.parametrize("status", [{"conditions": "fine"}, {"conditions": [None]}, ["fine"]])
def test_invalid_status_is_ignored(status: Any):
    policy = {"metadata": {"name": "p", "namespace": "m"}, "spec": FOR_SERVICE, "status": status}
    assert enforcement([AuthorizationPolicy.from_dict(policy)]) == [Enforcement(REF, None, "")]


def test_invalid_generation_is_ignored():
    odd = condition("WaypointAccepted", "True", "Accepted", observedGeneration="latest")
    assert verdict(FOR_SERVICE, odd).enforced is None
