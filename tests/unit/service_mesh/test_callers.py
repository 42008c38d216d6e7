"""Policies for callers that are not a related application."""

import json
from typing import Any

import ops
import pydantic
import pytest
from ops import testing

from charmlibs.interfaces.service_mesh import (
    AppPolicy,
    CallerKind,
    Callers,
    MeshPolicy,
    ServiceMeshConsumer,
    ServiceMeshProvider,
    UnitPolicy,
    build_mesh_policies,
)

ANYONE = Callers(kind=CallerKind.anyone)
USERS = Callers(kind=CallerKind.namespaces, namespaces=["users", "guests"])
META: dict[str, Any] = {"name": "web", "requires": {"service-mesh": {"interface": "service_mesh"}}}


class Web(ops.CharmBase):
    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        policies = [AppPolicy(callers=USERS, endpoints=[]), UnitPolicy(callers=ANYONE, ports=[443])]
        self.mesh = ServiceMeshConsumer(self, policies=policies, auto_join=False)


class Beacon(ops.CharmBase):
    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.mesh = ServiceMeshProvider(self, labels={})


def published() -> dict[str, Any]:
    ctx = testing.Context(Web, META)
    mesh = testing.Relation("service-mesh")
    model = testing.Model("m")
    state = ctx.run(ctx.on.relation_created(mesh), testing.State(leader=True, relations={mesh}, model=model))
    return dict(state.get_relation(mesh.id).local_app_data)


def requested(databag: dict[str, str]) -> Any:
    meta = {"name": "beacon", "provides": {"service-mesh": {"interface": "service_mesh"}}}
    ctx = testing.Context(Beacon, meta)
    mesh = testing.Relation("service-mesh", remote_app_name="web", remote_app_data=databag)
    with ctx(ctx.on.update_status(), testing.State(leader=True, relations={mesh})) as manager:
        (request,) = manager.charm.mesh.requests()
    return request


def test_callers_need_no_relation():
    request = requested(published())
    assert request.errors == []
    assert [policy.callers for policy in request.policies] == [USERS, ANYONE]
    assert json.loads(published()["declared_policies"]) == []


def test_mesh_without_support_gets_no_policy():
    """No namespace has a dot in its name."""
    for policy in json.loads(published()["policies"]):
        assert (policy["source_namespace"], policy["source_app_name"]) == ("no.namespace", "callers")


def test_a_policy_without_them_is_written_as_before():
    policy = UnitPolicy(relation="metrics", ports=[1])
    assert policy.model_dump(mode="json") == {"relation": "metrics", "ports": [1]}
    (built,) = build_mesh_policies({}, "web", "m", [UnitPolicy(callers=ANYONE)])
    assert MeshPolicy.model_validate(built.model_dump(mode="json")) == built


@pytest.mark.parametrize(
    "callers",
    [
        {},
        {"kind": "everybody"},
        {"kind": "namespaces"},
        {"kind": "namespaces", "namespaces": []},
        {"kind": "namespaces", "namespaces": ["*"]},
        {"kind": "namespaces", "namespaces": ["a,b"]},
        {"kind": "namespaces", "namespaces": ["users\n"]},
        {"kind": "anyone", "namespaces": ["users"]},
        {"kind": "mesh", "but_not": ["users"]},
    ],
)
def test_invalid(callers: dict[str, Any]):
    policy = {**json.loads(published()["policies"])[0], "callers": callers}
    request = requested({"policies": json.dumps([policy])})
    assert request.policies == []
    assert "callers" in request.errors[0]


def test_a_source_beside_them_is_invalid():
    policy = {**json.loads(published()["policies"])[0], "source_namespace": "m", "source_app_name": "shop"}
    assert "with callers" in requested({"policies": json.dumps([policy])}).errors[0]


@pytest.mark.parametrize("policy", [{"relation": "data", "callers": ANYONE}, {}, {"relation": ""}])
def test_a_policy_has_either_a_relation_or_callers(policy: dict[str, Any]):
    with pytest.raises(pydantic.ValidationError, match="either a relation or callers"):
        UnitPolicy(**policy)
