"""The provider of `service_mesh`."""

import json
from collections.abc import Callable
from typing import Any

import ops
import pytest
from ops import testing

from charmlibs.interfaces.service_mesh import AppPolicy, Endpoint, ServiceMeshProvider, UnitPolicy
from tests.support.juju_tools import forbid_writing, lose_relations, refuse_databags

LABELS = {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "w"}
POLICY: dict[str, Any] = {
    "source_namespace": "m",
    "source_app_name": "shop",
    "target_namespace": "m",
    "target_app_name": "web",
}


class Mesh(ops.CharmBase):
    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.mesh = ServiceMeshProvider(self, LABELS)


@pytest.fixture
def ctx() -> testing.Context[Mesh]:
    return testing.Context(
        Mesh, {"name": "mesh", "provides": {"service-mesh": {"interface": "service_mesh"}}}
    )


def consumer(app: str = "web", policies: object = None, **more: Any) -> testing.Relation:
    """A related application; its policies as JSON, or unchanged if they are text."""
    text = policies if isinstance(policies, str) else json.dumps(policies)
    data = {} if policies is None else {"policies": text}
    return testing.Relation("service-mesh", remote_app_name=app, remote_app_data=data, **more)


def published(state: testing.State, relation: testing.Relation) -> dict[str, str]:
    return dict(state.get_relation(relation.id).local_app_data)


def test_labels_and_type_go_to_each_new_consumer(ctx: testing.Context[Mesh]):
    web = consumer()
    state = ctx.run(ctx.on.relation_created(web), testing.State(leader=True, relations={web}))
    assert {key: json.loads(value) for key, value in published(state, web).items()} == {
        "labels": LABELS,
        "mesh_type": "istio",
    }


@pytest.mark.parametrize("event", ["leader_elected", "config_changed", "upgrade_charm"])
def test_every_consumer_has_them_after(ctx: testing.Context[Mesh], event: str):
    consumers = {consumer("a"), consumer("b")}
    state = ctx.run(getattr(ctx.on, event)(), testing.State(leader=True, relations=consumers))
    assert all(json.loads(published(state, each)["labels"]) == LABELS for each in consumers)


def test_a_unit_that_is_not_the_leader_publishes_nothing(ctx: testing.Context[Mesh]):
    web = consumer()
    state = ctx.run(ctx.on.relation_created(web), testing.State(leader=False, relations={web}))
    assert published(state, web) == {}


def test_what_is_published_already_is_not_written_again(
    ctx: testing.Context[Mesh], monkeypatch: pytest.MonkeyPatch
):
    web = consumer()
    state = ctx.run(ctx.on.relation_created(web), testing.State(leader=True, relations={web}))
    forbid_writing(monkeypatch)
    ctx.run(ctx.on.config_changed(), state)


def test_a_unit_that_is_not_the_leader_does_not_try(
    ctx: testing.Context[Mesh], caplog: pytest.LogCaptureFixture
):
    def publish(mesh: ServiceMeshProvider) -> None:
        mesh.update_relations()
        mesh.update_services({"web": ["web"]})

    changed(ctx, consumer(), act=publish, leader=False)
    assert "not written" not in caplog.text


def changed(
    ctx: testing.Context[Mesh],
    *relations: testing.Relation,
    act: Callable[[ServiceMeshProvider], None],
    leader: bool = True,
) -> testing.State:
    """Call a function in a hook for which the library itself does nothing."""
    with ctx(ctx.on.start(), testing.State(leader=leader, relations=relations)) as manager:
        act(manager.charm.mesh)
        return manager.run()


def test_first_labels_may_come_later(ctx: testing.Context[Mesh]):
    new, old, other = (
        consumer("new", id=1),
        consumer("old", id=2, local_app_data={"labels": "{}"}),
        consumer("other"),
    )

    def publish(mesh: ServiceMeshProvider) -> None:
        requests = {request.relation.id: request.relation for request in mesh.requests()}
        mesh.update_relations(not_yet=[requests[1], requests[2]])

    state = changed(ctx, new, old, other, act=publish)
    assert published(state, new) == {}
    assert json.loads(published(state, old)["labels"]) == LABELS
    assert json.loads(published(state, other)["labels"]) == LABELS


def test_services_go_to_consumers_with_labels(ctx: testing.Context[Mesh]):
    labels = {"labels": json.dumps(LABELS)}
    web, db, new = (
        consumer("web", local_app_data=labels),
        consumer("db", local_app_data={**labels, "services": '["db"]'}),
        consumer("new"),
    )
    services = {"web": ["web-b", "web-a"], "new": ["new"]}
    state = changed(ctx, web, db, new, act=lambda mesh: mesh.update_services(services))
    assert json.loads(published(state, web)["services"]) == ["web-a", "web-b"]
    assert json.loads(published(state, db)["services"]) == []
    assert published(state, new) == {}
    state = changed(ctx, db, act=lambda mesh: mesh.update_services(None))
    assert published(state, db) == labels


def test_databag_that_cannot_be_read_hides_no_services_from_others(
    ctx: testing.Context[Mesh], monkeypatch: pytest.MonkeyPatch
):
    labels = {"labels": json.dumps(LABELS)}
    gone, web = consumer("gone", id=1), consumer("web", id=2, local_app_data=labels)
    refuse_databags(monkeypatch, gone.id)
    state = changed(ctx, gone, web, act=lambda mesh: mesh.update_services({"web": ["web"]}))
    assert json.loads(published(state, web)["services"]) == ["web"]


def requests_of(ctx: testing.Context[Mesh], *relations: testing.Relation) -> ServiceMeshProvider:
    with ctx(ctx.on.start(), testing.State(leader=True, relations=relations)) as manager:
        mesh = manager.charm.mesh
        mesh.requests()
        return mesh


def test_mesh_info_gathers_the_policies_of_all_consumers(ctx: testing.Context[Mesh]):
    mesh = requests_of(
        ctx,
        consumer("web", [POLICY, {**POLICY, "source_app_name": "blog"}], id=1),
        consumer("db", [{**POLICY, "target_app_name": "db"}], id=2),
        consumer("new", id=3),
    )
    found = [(policy.source_app_name, policy.target_app_name) for policy in mesh.mesh_info()]
    assert found == [("shop", "web"), ("blog", "web"), ("shop", "db")]
    assert mesh.refused() == {}


def test_requests_come_by_age(ctx: testing.Context[Mesh]):
    mesh = requests_of(ctx, *(consumer(f"app-{number}", id=number) for number in (12, 3, 7)))
    assert [request.relation.id for request in mesh.requests()] == [3, 7, 12]


@pytest.mark.parametrize(
    ("policies", "units", "expected"),
    [(None, {}, True), (None, {0: {}}, False), ([], {}, False), ("", {}, False)],
    ids=["nothing yet", "joined", "published", "empty"],
)
def test_request_is_awaited(
    ctx: testing.Context[Mesh], policies: object, units: dict[int, dict[str, str]], expected: bool
):
    relation = consumer("web", policies, remote_units_data=units)
    with ctx(ctx.on.start(), testing.State(leader=True, relations=[relation])) as manager:
        (request,) = manager.charm.mesh.requests()
    assert request.is_awaited is expected


def test_relation_of_unknown_application_is_ignored(
    ctx: testing.Context[Mesh], monkeypatch: pytest.MonkeyPatch
):
    unknown, web = consumer("unknown", [POLICY]), consumer("web", [POLICY])
    lose_relations(monkeypatch, unknown.id, knows_app=False)
    with ctx(ctx.on.start(), testing.State(leader=True, relations=[unknown, web])) as manager:
        assert [request.relation.id for request in manager.charm.mesh.requests()] == [web.id]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "policies"),
        ("", None),
        ("null", "not a list"),
        ('{"a": 1}', "not a list"),
        ("[" * 100_000, "policies"),
        ("\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace"), "policies"),
        ('["x"]', r"policies[0]"),
        ("[null]", r"policies[0]"),
    ],
)
def test_invalid_databag_is_reported_and_affects_no_other(
    ctx: testing.Context[Mesh], text: str, reason: str | None
):
    mesh = requests_of(ctx, consumer("bad", text, id=1), consumer("web", [POLICY], id=2))
    assert [policy.target_app_name for policy in mesh.mesh_info()] == ["web"]
    refused = {relation.app.name: reasons for relation, reasons in mesh.refused().items()}
    if reason is None:
        assert refused == {}
    else:
        assert list(refused) == ["bad"]
        assert reason in refused["bad"][0]


def test_one_bad_policy_does_not_hide_the_good_ones_beside_it(ctx: testing.Context[Mesh]):
    bad = {**POLICY, "endpoints": [{"ports": [99999]}]}
    mesh = requests_of(ctx, consumer("web", [POLICY, bad, {**POLICY, "source_app_name": "blog"}]))
    [request] = mesh.requests()
    assert [policy.source_app_name for policy in request.policies] == ["shop", "blog"]
    [error] = request.errors
    assert error.startswith("policies[1]: endpoints.0.ports.0: ")


@pytest.mark.parametrize(
    "field", [{"endpoints": [{"not_paths": ["/admin"]}]}, {"endpoints": [{"path": "/x"}]}, {"from": "cos"}]
)
def test_a_policy_with_an_unknown_restriction_is_none(ctx: testing.Context[Mesh], field: dict[str, Any]):
    mesh = requests_of(ctx, consumer("web", [{**POLICY, **field}, {**POLICY, "source_app_name": "blog"}]))
    [request] = mesh.requests()
    assert [policy.source_app_name for policy in request.policies] == ["blog"]
    [error] = request.errors
    assert error.startswith("policies[0]: ")
    assert error.endswith(": Extra inputs are not permitted")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('"endpoints": [{"paths": ["/a"]}], "endpoints": []', "endpoints"),
        ('"endpoints": [{"paths": ["/a"], "paths": null}]', "paths"),
        ('"source_app_name": "shop"', "source_app_name"),
        ('"endpoints": [{"x\\ny": 1, "x\\ny": 2}]', "…"),
    ],
)
def test_repeated_key_makes_policies_invalid(ctx: testing.Context[Mesh], text: str, key: str):
    app = consumer("web", [POLICY]).remote_app_data["policies"]
    policies = f"[{{{text}, {app[2:]}"
    relation = testing.Relation("service-mesh", remote_app_name="web", remote_app_data={"policies": policies})
    [request] = requests_of(ctx, relation).requests()
    assert (request.policies, request.errors) == ([], [f"policies: the key {key!r} is repeated"])


def test_unset_field_of_a_later_version_is_accepted(ctx: testing.Context[Mesh]):
    later = {**POLICY, "source_labels": None, "endpoints": [{"ports": [80], "not_paths": None}]}
    [policy] = requests_of(ctx, consumer("web", [later])).mesh_info()
    assert policy.endpoints == [Endpoint(ports=[80])]


def test_a_databag_that_juju_does_not_give_out_is_an_invalid_one(
    ctx: testing.Context[Mesh], monkeypatch: pytest.MonkeyPatch
):
    gone, web = consumer("gone", [POLICY], id=1), consumer("web", [POLICY], id=2)
    refuse_databags(monkeypatch, gone.id)
    with ctx(ctx.on.config_changed(), testing.State(leader=True, relations=[gone, web])) as manager:
        mesh = manager.charm.mesh
        assert [policy.target_app_name for policy in mesh.mesh_info()] == ["web"]
        refused = {relation.app.name: reasons for relation, reasons in mesh.refused().items()}
        assert refused == {"gone": ["cannot read its databag from Juju: permission denied"]}
        assert {relation.app.name: sent for relation, sent in mesh.declared().items()}["gone"] == []
        state = manager.run()
    assert json.loads(published(state, web)["labels"]) == LABELS


def test_a_reason_quotes_no_more_than_a_bit_of_the_databag(ctx: testing.Context[Mesh]):
    bad = {**POLICY, "target_app_name": None, "target_type": "unit"}
    mesh = requests_of(ctx, consumer("web", [{**bad, "target_selector_labels": {"secret " * 9_000: "x"}}]))
    [[error]] = mesh.refused().values()
    assert len(error) < 300


def test_what_consumers_declare_is_read_as_far_as_it_can_be(ctx: testing.Context[Mesh]):
    on_service = {"relation": "data", "endpoints": [{"ports": [80]}], "service": None}
    on_units = {"relation": "metrics", "ports": [9100]}
    texts = {
        "web": json.dumps([on_service, {"relation": 1}, 7, on_units]),
        "old": "",
        "odd": "{}",
        "bad": "[",
    }
    relations = {
        testing.Relation("service-mesh", remote_app_name=app, remote_app_data={"declared_policies": text})
        for app, text in texts.items()
    }
    with ctx(ctx.on.update_status(), testing.State(relations=relations)) as manager:
        declared = {relation.app.name: sent for relation, sent in manager.charm.mesh.declared().items()}
    assert declared == {
        "web": [
            AppPolicy(relation="data", endpoints=[Endpoint(ports=[80])]),
            UnitPolicy(relation="metrics", ports=[9100]),
        ],
        "old": [],
        "odd": [],
        "bad": [],
    }


class OldMesh(ops.CharmBase):
    """Written for version 0.2 of the published library, whose third argument is the relation's name."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.mesh = ServiceMeshProvider(self, LABELS, "mesh")


def test_third_argument_may_be_relation():
    ctx = testing.Context(OldMesh, {"name": "mesh", "provides": {"mesh": {"interface": "service_mesh"}}})
    web = testing.Relation("mesh", remote_app_name="web")
    state = ctx.run(ctx.on.relation_created(web), testing.State(leader=True, relations={web}))
    assert {key: json.loads(value) for key, value in published(state, web).items()} == {
        "labels": LABELS,
        "mesh_type": "istio",
    }


def test_third_argument_is_neither_mesh_nor_relation():
    ctx = testing.Context(OldMesh, {"name": "mesh"})
    with pytest.raises(testing.errors.UncaughtCharmError, match="'mesh' is neither a mesh nor a relation"):
        ctx.run(ctx.on.install(), testing.State())
