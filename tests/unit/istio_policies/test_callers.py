"""AuthorizationPolicies for callers that are not a related application."""

from typing import Any

import pytest

from charmlibs.interfaces.service_mesh import CallerKind, Callers, UnitPolicy, build_mesh_policies
from istio_policies import (
    AuthorizationPolicy,
    DesiredPolicies,
    PolicyRequestFrom,
    audit_policies,
    authorization_policies,
    describe_callers,
)
from k8s_charm import Json, Owner, manifest

OWNER = Owner("beacon", "m")
KINDS = [
    (Callers(kind=CallerKind.anyone), None, "anybody"),
    (Callers(kind=CallerKind.mesh), [{"source": {"principals": ["*"]}}], "anybody in the mesh"),
    (
        Callers(kind=CallerKind.namespaces, namespaces=["users", "guests"]),
        [{"source": {"namespaces": ["guests", "users"]}}],
        "namespace guests and namespace users",
    ),
]


def requests(*callers: Callers, ports: list[int]) -> list[PolicyRequestFrom]:
    policies = [UnitPolicy(callers=each, ports=ports) for each in callers]
    built = build_mesh_policies({}, "web", "m", policies)
    return [PolicyRequestFrom(policy, ["web"], "other.domain") for policy in built]


@pytest.mark.parametrize(("callers", "source", "words"), KINDS, ids=["anyone", "mesh", "namespaces"])
def test_source(callers: Callers, source: Any, words: str):
    (request,) = requests(callers, ports=[443])
    (policy,) = authorization_policies(DesiredPolicies([request]), owner=OWNER)
    (rule,) = manifest(policy)["spec"]["rules"]
    assert rule.get("from") == source
    assert rule["to"] == [{"operation": {"ports": ["443"]}}]
    assert describe_callers(request.policy) == words


def test_each_kind_has_its_own_name_and_keeps_it():
    kinds = [callers for callers, _, _ in KINDS]
    before = authorization_policies(DesiredPolicies(requests(*kinds, ports=[443])), owner=OWNER)
    after = authorization_policies(DesiredPolicies(requests(*kinds, ports=[443])), before, owner=OWNER)
    changed = authorization_policies(DesiredPolicies(requests(*kinds, ports=[80])), before, owner=OWNER)
    assert len({_name(each) for each in before}) == len(kinds)
    assert [_name(each) for each in after] == [_name(each) for each in before]
    assert {_name(each) for each in changed} == {_name(each) for each in before}


@pytest.mark.parametrize(
    "callers", [callers for callers, _, _ in KINDS], ids=lambda callers: callers.kind.value
)
def test_name_has_the_kind(callers: Callers):
    (policy,) = authorization_policies(DesiredPolicies(requests(callers, ports=[443])), owner=OWNER)
    assert _name(policy).startswith(f"m.beacon.web.unit.from.callers.{callers.kind.value}.x")


def test_policy_of_audit_mode_keeps_its_name():
    (request,) = requests(Callers(kind=CallerKind.anyone), ports=[])
    live = audit_policies(OWNER, [("m", "web")])
    (policy,) = authorization_policies(DesiredPolicies([request]), live, owner=OWNER)
    assert _name(policy).startswith("m.beacon.web.unit.from.callers.anyone")


def test_audit_mode_opens_no_service_that_is_named_like_a_gateway():
    own = {
        "name": "older",
        "namespace": "m",
        "annotations": {"charms.canonical.com/mesh.requested-by": "web"},
    }
    gateway = {"kind": "Gateway", "group": "gateway.networking.k8s.io", "name": "w"}
    live = AuthorizationPolicy.from_dict({"metadata": own, "spec": {"targetRefs": [gateway], "rules": [{}]}})
    desired = DesiredPolicies(retain=["web"], dry_run=True)
    assert authorization_policies(desired, [live], owner=OWNER) == []


def _name(policy: Any) -> str:
    own: Json = manifest(policy)["metadata"]
    return str(own["name"])
