"""The consumer of `service_mesh`: the data it publishes, and the data it reads."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import ops
import pytest
from ops import testing

from charmlibs.interfaces.service_mesh import (
    AppPolicy,
    Endpoint,
    MeshType,
    Method,
    ServiceMeshConsumer,
    UnitPolicy,
)
from tests.support.juju_tools import forbid_writing, refuse_databags

META: dict[str, Any] = {
    "name": "web",
    "provides": {
        "data": {"interface": "data"},
        "metrics": {"interface": "prometheus_scrape"},
        "provide-cmr-mesh": {"interface": "cross_model_mesh"},
    },
    "requires": {
        "service-mesh": {"interface": "service_mesh", "limit": 1},
        "require-cmr-mesh": {"interface": "cross_model_mesh"},
    },
}
POLICIES = [
    AppPolicy(relation="data", endpoints=[Endpoint(ports=[80], methods=[Method.get], paths=["/items"])]),
    UnitPolicy(relation="metrics", ports=[9100]),
]


LABELS = {"istio.io/dataplane-mode": "ambient"}
SELECTED_BY_OTHERS = (
    "gateway.networking.k8s.io/gateway-name",
    "istio.io/gateway-name",
    "charms.canonical.com/shop.beacon.telemetry",
    "app.kubernetes.io/name",
    "app.kubernetes.io/part-of",
    "model.juju.is/name",
    "app",
)


class Web(ops.CharmBase):
    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.mesh = ServiceMeshConsumer(self, policies=POLICIES, auto_join=False)


@pytest.fixture
def ctx() -> testing.Context[Web]:
    return testing.Context(Web, META)


def mesh(**data: Any) -> testing.Relation:
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in data.items()}
    return testing.Relation("service-mesh", remote_app_name="beacon", remote_app_data=text)


def sources(state: testing.State) -> list[str]:
    """The applications that the published policies allow."""
    [relation] = state.get_relations("service-mesh")
    return sorted(
        policy["source_app_name"] for policy in json.loads(relation.local_app_data.get("policies", "[]"))
    )


SHOP = testing.Relation("data", remote_app_name="shop")
BLOG = testing.Relation("data", remote_app_name="blog")
CMR = testing.Relation("provide-cmr-mesh", remote_app_name="blog")
MESH = mesh()

Event = Callable[[testing.CharmEvents], Any]


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(event, id=name)
        for name, event in {
            "mesh-created": lambda on: on.relation_created(MESH),
            "policy-created": lambda on: on.relation_created(SHOP),
            "policy-changed": lambda on: on.relation_changed(SHOP),
            "policy-departed": lambda on: on.relation_departed(SHOP),
            "cross-model-created": lambda on: on.relation_created(CMR),
            "cross-model-changed": lambda on: on.relation_changed(CMR),
            "cross-model-departed": lambda on: on.relation_departed(CMR),
            "cross-model-broken": lambda on: on.relation_broken(CMR),
            "leader-elected": lambda on: on.leader_elected(),
            "upgrade": lambda on: on.upgrade_charm(),
            "config-changed": lambda on: on.config_changed(),
            "update-status": lambda on: on.update_status(),
        }.items()
    ],
)
def test_the_policies_are_right_after(ctx: testing.Context[Web], event: Event):
    state = testing.State(leader=True, relations={MESH, SHOP, BLOG, CMR})
    assert sources(ctx.run(event(ctx.on), state)) == ["blog", "shop"]


def test_broken_relation_has_no_policy(ctx: testing.Context[Web]):
    state = testing.State(leader=True, relations={MESH, SHOP, BLOG})
    assert sources(ctx.run(ctx.on.relation_broken(SHOP), state)) == ["blog"]


def test_a_unit_that_is_not_the_leader_publishes_nothing(ctx: testing.Context[Web]):
    asks = testing.Relation("require-cmr-mesh")
    state = testing.State(leader=False, relations={MESH, SHOP, asks})
    state = ctx.run(ctx.on.config_changed(), state)
    assert all(not relation.local_app_data for relation in state.relations)


def test_without_a_mesh_nothing_is_published(ctx: testing.Context[Web]):
    state = ctx.run(ctx.on.relation_created(SHOP), testing.State(leader=True, relations={SHOP}))
    assert state.get_relation(SHOP.id).local_app_data == {}


def test_policies_of_a_missing_relation_are_declared(ctx: testing.Context[Web]):
    state = ctx.run(ctx.on.relation_created(MESH), testing.State(leader=True, relations={MESH}))
    sent = json.loads(state.get_relation(MESH.id).local_app_data["declared_policies"])
    assert sent == [policy.model_dump(mode="json") for policy in POLICIES]


def test_unchanged_policies_are_not_written_again(ctx: testing.Context[Web], monkeypatch: pytest.MonkeyPatch):
    asks = testing.Relation("require-cmr-mesh")
    state = ctx.run(ctx.on.config_changed(), testing.State(leader=True, relations={MESH, SHOP, asks}))
    forbid_writing(monkeypatch)
    ctx.run(ctx.on.config_changed(), state)


def test_the_charms_own_names_go_to_applications_of_other_models(ctx: testing.Context[Web]):
    asks = testing.Relation("require-cmr-mesh")
    state = testing.State(leader=True, relations={asks}, model=testing.Model("shop"))
    state = ctx.run(ctx.on.relation_created(asks), state)
    assert json.loads(state.get_relation(asks.id).local_app_data["cmr_data"]) == {
        "app_name": "web",
        "juju_model_name": "shop",
    }


def test_a_charm_without_the_cross_model_relations_works():
    meta = {
        "name": "web",
        "provides": {"data": {"interface": "data"}, "metrics": {"interface": "prometheus_scrape"}},
        "requires": {"service-mesh": {"interface": "service_mesh"}},
    }
    ctx = testing.Context(Web, meta)
    state = ctx.run(ctx.on.relation_created(MESH), testing.State(leader=True, relations={MESH, SHOP}))
    assert sources(state) == ["shop"]


def test_policy_on_an_undefined_relation_is_rejected():
    meta = {**META, "provides": {"data": {"interface": "data"}}}
    ctx = testing.Context(Web, meta)
    with pytest.raises(testing.errors.UncaughtCharmError) as raised:
        ctx.run(ctx.on.start(), testing.State())
    assert "a policy names relation 'metrics', which charmcraft.yaml does not have" in str(raised.value)


def test_a_consumer_on_its_way_to_another_mesh_is_in_both(ctx: testing.Context[Web]):
    old, new = mesh(), mesh()
    state = testing.State(leader=True, relations={old, new, SHOP})
    state = ctx.run(ctx.on.relation_created(new), state)
    databags = [relation.local_app_data["policies"] for relation in state.get_relations("service-mesh")]
    assert len(databags) == 2
    assert databags[0] == databags[1]


def learned(ctx: testing.Context[Web], *relations: testing.Relation) -> tuple[Any, Any, bool]:
    with ctx(ctx.on.start(), testing.State(relations=relations)) as manager:
        consumer = manager.charm.mesh
        return consumer.labels(), consumer.mesh_type(), consumer.enabled


def test_labels_and_type_come_from_the_mesh(ctx: testing.Context[Web]):
    provider = mesh(labels=LABELS, mesh_type='"istio"')
    assert learned(ctx, provider) == (LABELS, MeshType.istio, True)


@pytest.mark.parametrize("key", SELECTED_BY_OTHERS)
def test_labels_by_which_others_select_pods_are_ignored(ctx: testing.Context[Web], key: str):
    provider = mesh(labels={**LABELS, key: "x"}, mesh_type='"istio"')
    assert learned(ctx, provider)[0] == LABELS


def test_without_a_mesh_there_are_neither(ctx: testing.Context[Web]):
    assert learned(ctx) == ({}, None, False)


def test_mesh_without_data_has_neither(ctx: testing.Context[Web]):
    assert learned(ctx, mesh()) == ({}, None, True)


def test_an_old_provider_gives_labels_without_a_type(ctx: testing.Context[Web]):
    assert learned(ctx, mesh(labels=LABELS)) == (
        {"istio.io/dataplane-mode": "ambient"},
        None,
        True,
    )


def test_other_data_of_a_provider_are_ignored(ctx: testing.Context[Web]):
    provider = mesh(labels=LABELS, mesh_type='"istio"', more="not JSON")
    assert learned(ctx, provider) == (LABELS, MeshType.istio, True)


@pytest.mark.parametrize("labels", ["{", "[]", {"a": 1}, {"a b": "c"}, "null"])
def test_unreadable_labels_are_none(ctx: testing.Context[Web], labels: object):
    assert learned(ctx, mesh(labels=labels, mesh_type='"istio"')) == ({}, MeshType.istio, True)


@pytest.mark.parametrize("mesh_type", ['"linkerd"', "istio", "{", "[]"])
def test_an_unknown_type_is_none(ctx: testing.Context[Web], mesh_type: str):
    assert learned(ctx, mesh(labels=LABELS, mesh_type=mesh_type))[1] is None


def data_error(ctx: testing.Context[Web], *relations: testing.Relation) -> str | None:
    with ctx(ctx.on.start(), testing.State(relations=relations)) as manager:
        return manager.charm.mesh.data_error


@pytest.mark.parametrize(
    ("key", "text"),
    [("labels", "{"), ("labels", {"a": 1}), ("labels", {"a b": "c"}), ("mesh_type", '"linkerd"')],
)
def test_unreadable_data_differ_from_missing_data(ctx: testing.Context[Web], key: str, text: object):
    sent = {"labels": LABELS, "mesh_type": '"istio"', key: text}
    assert (data_error(ctx, mesh(**sent)) or "").startswith(f"{key}: ")


def test_databag_that_juju_withholds_is_unreadable(
    ctx: testing.Context[Web], monkeypatch: pytest.MonkeyPatch
):
    beacon = mesh(labels=LABELS)
    refuse_databags(monkeypatch, beacon.id)
    with ctx(ctx.on.update_status(), testing.State(relations={beacon, SHOP}, leader=True)) as manager:
        consumer = manager.charm.mesh
        assert consumer.labels() == {}
        assert consumer.mesh_type() is None
        assert consumer.data_error == "labels: cannot read its databag from Juju: permission denied"


def test_relation_that_juju_lost_affects_no_other(ctx: testing.Context[Web], monkeypatch: pytest.MonkeyPatch):
    says, asks = testing.Relation("provide-cmr-mesh"), testing.Relation("require-cmr-mesh")
    refuse_databags(monkeypatch, says.id, asks.id)
    state = testing.State(leader=True, relations={MESH, SHOP, says, asks})
    assert sources(ctx.run(ctx.on.config_changed(), state)) == ["shop"]


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"labels": LABELS},
        {"labels": LABELS, "mesh_type": '"istio"'},
    ],
)
def test_missing_data_are_not_unreadable(ctx: testing.Context[Web], sent: dict[str, Any]):
    assert data_error(ctx, mesh(**sent)) is None
    assert data_error(ctx) is None


def test_the_client_is_made_once_and_can_be_given(ctx: testing.Context[Web]):
    with ctx(ctx.on.start(), testing.State()) as manager:
        given: Any = object()
        manager.charm.mesh._lightkube_client = given
        assert manager.charm.mesh.lightkube_client is given


CONSUMED = testing.Relation("data", remote_app_name="blog", remote_model_uuid="another")


def test_consumed_application_is_not_local(ctx: testing.Context[Web]):
    """Its name looks like any other; until its identity is known, its policy allows no source."""
    state = testing.State(leader=True, relations={mesh(), SHOP, CONSUMED})
    out = ctx.run(ctx.on.config_changed(), state)
    assert sources(out) == ["blog.of-another-model", "shop"]
    data = json.dumps({"app_name": "journal", "juju_model_name": "office"})
    sent = testing.Relation("provide-cmr-mesh", remote_app_name="blog", remote_app_data={"cmr_data": data})
    out = ctx.run(ctx.on.relation_changed(sent), dataclasses.replace(out, relations={*out.relations, sent}))
    assert sources(out) == ["journal", "shop"]


def test_model_of_each_relation_is_requested_once(ctx: testing.Context[Web], monkeypatch: pytest.MonkeyPatch):
    looked_up: list[str] = []
    model = ops.Relation.remote_model.fget
    assert model

    def remote_model(relation: ops.Relation) -> ops.RemoteModel:
        looked_up.append(relation.app.name)
        return model(relation)

    monkeypatch.setattr(ops.Relation, "remote_model", property(remote_model))
    state = testing.State(leader=True, relations={mesh(), SHOP, CONSUMED, CMR})
    state = ctx.run(ctx.on.config_changed(), state)
    state = ctx.run(ctx.on.config_changed(), state)
    assert sorted(looked_up) == ["blog", "shop"]


@pytest.mark.parametrize(
    "error", [ops.ModelError("no such command"), FileNotFoundError("relation-model-get")]
)
def test_without_model_information_all_are_local(
    ctx: testing.Context[Web], monkeypatch: pytest.MonkeyPatch, error: Exception
):
    def remote_model(_: ops.Relation) -> ops.RemoteModel:
        raise error

    monkeypatch.setattr(ops.Relation, "remote_model", property(remote_model))
    out = ctx.run(ctx.on.config_changed(), testing.State(leader=True, relations={mesh(), CONSUMED}))
    assert sources(out) == ["blog"]
