"""AuthorizationPolicies for callers that are no related application."""

from typing import Any

import pytest

from charmlibs.interfaces.service_mesh import CallerKind, Callers, UnitPolicy, build_mesh_policies
from istio_policies import DesiredPolicies, PolicyRequestFrom, authorization_policies, describe_callers
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


def _name(policy: Any) -> str:
    own: Json = manifest(policy)["metadata"]
    return str(own["name"])
