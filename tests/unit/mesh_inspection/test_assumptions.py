"""Assumptions that the verdicts of `explain` depend on."""

import pytest

from mesh_inspection import Cluster, LivePolicy
from tests.unit.mesh_inspection.builders import allow, ask, cluster, on_pods, service

AUTO_ALLOW = "istiod's PILOT_AUTO_ALLOW_WAYPOINT_POLICY is"
DOMAIN = "the mesh's trust domain is cluster.local"
AT_PODS = LivePolicy("istio-system", "pods", {})
AT_WAYPOINTS = LivePolicy(
    "istio-system", "waypoints", {"targetRefs": [{"kind": "GatewayClass", "name": "istio-waypoint"}]}
)
UNBOUND = cluster(services=(service("web", behind_waypoint=False),))


def auto_allow(*policies: LivePolicy, on: bool | None) -> Cluster:
    return cluster(*policies, auto_allow=on)


def test_not_hardened():
    assert ask().assumptions == ("the mesh is not hardened",)


@pytest.mark.parametrize(
    ("policies", "where"),
    [
        ((AT_PODS,), "pods, by istio-system/pods"),
        ((AT_PODS, AT_WAYPOINTS), "pods and waypoints, by istio-system/pods and istio-system/waypoints"),
    ],
)
def test_hardened(policies: tuple[LivePolicy, ...], where: str):
    found = ask(*policies, target="web/0", within=cluster(*policies, services=UNBOUND.services))
    assert found.verdict == "denied"
    assert found.assumptions == (f"the mesh is hardened at {where}",)


def test_denial_depends_on_no_assumption():
    denied = allow("ads")
    assert ask(denied, source="old", within=cluster(denied, services=UNBOUND.services)).assumptions == (
        "the mesh is not hardened",
    )
    assert ask(denied).verdict == "denied"
    assert ask(denied).assumptions == ()


def test_trust_domain():
    assert ask(allow("shop")).assumptions[-1] == DOMAIN
    assert DOMAIN not in ask().assumptions


@pytest.mark.parametrize(("on", "verdict"), [(True, "denied"), (None, "denied"), (False, "allowed")])
def test_auto_allow_closes_pods(on: bool | None, verdict: str):
    found = ask(target="web/0", port=80, within=auto_allow(on=on))
    assert found.verdict == verdict
    state = "off" if on is False else "on"
    assert any(each.startswith(f"{AUTO_ALLOW} {state}") for each in found.assumptions)


@pytest.mark.parametrize(("on", "verdict"), [(True, "allowed"), (False, "denied")])
def test_auto_allow_allows_waypoint_at_its_pods(on: bool, verdict: str):
    policies = allow("shop"), on_pods("web", "ads", name="pods")
    found = ask(within=auto_allow(*policies, on=on))
    assert found.verdict == verdict
    assert any(each.startswith(AUTO_ALLOW) for each in found.assumptions)


def test_missing_istiod_is_an_assumption():
    found = ask(target="web/0", port=80, within=auto_allow(on=None))
    assert f"{AUTO_ALLOW} on, as istio-k8s has it: istiod was not found" in found.assumptions
