"""Names of the published consumer that charms read though they start with an underscore."""

import json
from typing import Any
from unittest.mock import MagicMock, patch

import ops
import pytest
from ops import testing

from charmlibs.interfaces.service_mesh import (
    MeshType,
    ServiceMeshConsumer,
    UnitPolicy,
    label_configmap_name_template,
)

META: dict[str, Any] = {
    "name": "web",
    "requires": {
        "service-mesh": {"interface": "service_mesh", "limit": 1},
        "require-cmr-mesh": {"interface": "cross_model_mesh"},
    },
}
LABELS = {"istio.io/dataplane-mode": "ambient"}


class Web(ops.CharmBase):
    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.mesh = ServiceMeshConsumer(self, auto_join=False)
        self.relation = self.mesh._relation
        self.data = self.mesh._get_app_data()


class Replicated(ops.CharmBase):
    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        policies = [UnitPolicy(relation="database-peers", ports=[27017])]
        self.mesh = ServiceMeshConsumer(self, policies=policies, auto_join=False)


class Joined(ops.CharmBase):
    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.mesh = ServiceMeshConsumer(self)


def web(*relations: testing.Relation) -> Web:
    ctx = testing.Context(Web, META)
    state = testing.State(relations=set(relations), leader=True)
    with ctx(ctx.on.start(), state) as manager:
        return manager.charm


def test_relation():
    data = {"labels": json.dumps(LABELS), "mesh_type": json.dumps("istio")}
    charm = web(testing.Relation("service-mesh", remote_app_name="beacon", remote_app_data=data))
    assert charm.relation and charm.relation.app and charm.relation.app.name == "beacon"
    assert charm.data and charm.data.labels == LABELS
    assert charm.data.mesh_type is MeshType.istio


def test_no_relation():
    charm = web()
    assert charm.relation is None
    assert charm.data is None


def test_tests_of_charms_set_relation():
    charm = web()
    with patch.object(charm.mesh, "_relation", "set"):
        assert charm.mesh._relation == "set"
    assert charm.mesh._relation is None


def test_tests_of_charms_take_labels_away(monkeypatch: pytest.MonkeyPatch):
    reconcile = MagicMock()
    monkeypatch.setattr("lightkube.Client", MagicMock())
    monkeypatch.setattr("charmlibs.interfaces.service_mesh._service_mesh.reconcile_charm_labels", reconcile)
    data = {"labels": json.dumps(LABELS), "mesh_type": json.dumps("istio")}
    relation = testing.Relation("service-mesh", remote_app_name="beacon", remote_app_data=data)
    ctx = testing.Context(Joined, META)
    ctx.run(ctx.on.relation_changed(relation), testing.State(relations={relation}, leader=True))
    assert reconcile.call_args.kwargs["labels"] == LABELS
    assert reconcile.call_args.kwargs["label_configmap_name"] == "juju-service-mesh-web-labels"
    ctx.run(ctx.on.relation_broken(relation), testing.State(relations={relation}, leader=True))
    assert reconcile.call_args.kwargs["labels"] == {}


def test_tests_of_charms_set_client(monkeypatch: pytest.MonkeyPatch):
    client, reconcile = MagicMock(), MagicMock()
    monkeypatch.setattr(ServiceMeshConsumer, "lightkube_client", property(lambda _: client))
    monkeypatch.setattr("charmlibs.interfaces.service_mesh._service_mesh.reconcile_charm_labels", reconcile)
    data = {"labels": json.dumps(LABELS), "mesh_type": json.dumps("istio")}
    relation = testing.Relation("service-mesh", remote_app_name="beacon", remote_app_data=data)
    ctx = testing.Context(Joined, META)
    ctx.run(ctx.on.relation_changed(relation), testing.State(relations={relation}, leader=True))
    assert reconcile.call_args.kwargs["client"] is client


def test_policy_on_peer_relation_is_for_own_units():
    relation = testing.Relation("service-mesh", remote_app_name="beacon")
    peers = testing.PeerRelation("database-peers", peers_data={1: {}})
    ctx = testing.Context(Replicated, {**META, "peers": {"database-peers": {"interface": "db_peers"}}})
    state = testing.State(relations={relation, peers}, leader=True, model=testing.Model("m"))
    state = ctx.run(ctx.on.relation_created(relation), state)
    [policy] = json.loads(state.get_relation(relation.id).local_app_data["policies"])
    assert (policy["source_app_name"], policy["target_app_name"]) == ("web", "web")
    assert [each["ports"] for each in policy["endpoints"]] == [[27017]]


def test_nothing_published():
    assert web(testing.Relation("service-mesh", remote_app_name="beacon")).data is None


def test_harness_without_model_name():
    harness = ops.testing.Harness(Web, meta=json.dumps(META))
    harness.set_leader(True)
    harness.begin_with_initial_hooks()
    harness.cleanup()


def test_name_of_the_configmap():
    assert label_configmap_name_template.format(app_name="web") == "juju-service-mesh-web-labels"
