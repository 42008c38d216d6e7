"""The cluster in a service mesh."""

import dataclasses
import json
import sys
import types
from enum import Enum

import pydantic
import pytest
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import StatefulSet
from lightkube.resources.core_v1 import ConfigMap, Pod, Service
from lightkube.types import PatchType
from ops import testing

from coordinated_workers.coordinator import Coordinator
from coordinated_workers.service_mesh import cluster_policies
from coordinated_workers.worker_telemetry import WorkerTelemetryProxyConfig
from istio_policies import AuthorizationPolicy
from tests.scenario.coordinator import field_coordinator
from tests.scenario.coordinator.field_cluster import (
    APP,
    MESH_LABELS,
    Cluster,
    again,
    mesh,
    published,
    store,
    workers,
)
from tests.scenario.coordinator.field_coordinator import DirectCoordinator
from tests.support.juju_application import pod_template
from tests.support.juju_tools import refuse_tools

pytestmark = pytest.mark.kubernetes

PART_OF = {"app.kubernetes.io/part-of": APP}
NONE = {"istio.io/use-waypoint": "none"}


def policies(cluster: Cluster) -> list[dict]:
    return [one["spec"] for one in cluster.server.store.objects("AuthorizationPolicy")]


def sources(spec: dict) -> list[str]:
    principals: list[str] = []
    for rule in spec["rules"]:
        for origin in rule["from"]:
            principals += origin["source"]["principals"]
    return [principal.rpartition("/")[2] for principal in principals]


def inside(cluster: Cluster) -> dict[str, set[str]]:
    """Return the allowed sources of the cluster's pods, and of its coordinator's Service."""
    found: dict[str, set[str]] = {"pods": set(), "service": set()}
    for spec in policies(cluster):
        if "selector" in spec:
            assert spec["selector"]["matchLabels"] == PART_OF
            found["pods"] |= set(sources(spec))
        else:
            assert [ref["name"] for ref in spec["targetRefs"]] == [APP]
            found["service"] |= set(sources(spec))
    return found


def labels(cluster: Cluster) -> dict[str, str]:
    metadata = pod_template(cluster.client, "m", APP).metadata
    assert metadata
    assert metadata.labels
    return {key: value for key, value in metadata.labels.items() if key != "app.kubernetes.io/name"}


def requested(state: testing.State, relation: testing.Relation) -> list[dict]:
    return published(state, relation)["policies"]


class TestOutside:
    def outside(self, cluster: Cluster, relation: testing.Relation) -> list[dict]:
        scraper = testing.Relation("metrics-endpoint", remote_app_name="prometheus")
        client = testing.Relation("field-api", remote_app_name="client")
        return requested(cluster.run(relation, scraper, client, workers(), store()), relation)

    def test_a_scraper_may_reach_exporters_and_the_workers_metrics(self, cluster: Cluster):
        found = [one for one in self.outside(cluster, mesh()) if one["source_app_name"] == "prometheus"]
        to_units, to_app = sorted(found, key=lambda one: one["target_type"], reverse=True)
        assert to_units["target_type"] == "unit"
        assert [endpoint["ports"] for endpoint in to_units["endpoints"]] == [[9113]]
        (endpoint,) = to_app["endpoints"]
        assert endpoint["ports"] == [3300]
        assert endpoint["methods"] == ["GET"]
        assert endpoint["paths"] == ["/proxy/worker/{*}/metrics"]

    def test_scraper_may_reach_nginx_with_tls_and_without(
        self, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
    ):
        config = WorkerTelemetryProxyConfig(http_port=3300, https_port=3301)
        monkeypatch.setattr(field_coordinator.FieldCoordinator, "_proxy_config", lambda _: config)
        found = [one for one in self.outside(cluster, mesh()) if one["source_app_name"] == "prometheus"]
        (endpoint,) = next(one for one in found if one["target_type"] == "app")["endpoints"]
        assert endpoint["ports"] == [3300, 3301]

    def test_without_a_proxy_a_scraper_may_reach_exporters_only(self, cluster: Cluster):
        cluster.charm = DirectCoordinator
        found = [one for one in self.outside(cluster, mesh()) if one["source_app_name"] == "prometheus"]
        assert [one["target_type"] for one in found] == ["unit"]

    def test_policies_of_the_charm_are_requested(self, cluster: Cluster):
        found = [one for one in self.outside(cluster, mesh()) if one["source_app_name"] == "client"]
        assert sorted(one["target_type"] for one in found) == ["app", "unit"]
        (endpoint,) = next(one for one in found if one["target_type"] == "app")["endpoints"]
        assert (endpoint["methods"], endpoint["paths"]) == (["GET"], ["/api/{*}"])

    def test_policies_of_another_library_are_accepted(
        self, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
    ):
        class Method(str, Enum):
            get = "GET"

        class Endpoint(pydantic.BaseModel):
            hosts: list[str] | None = None
            ports: list[int] | None = None
            methods: list[Method] | None = None
            paths: list[str] | None = None

        class AppPolicy(pydantic.BaseModel):
            relation: str
            endpoints: list[Endpoint]
            service: str | None = None

        class UnitPolicy(pydantic.BaseModel):
            relation: str
            ports: list[int] | None = None

        own = self.outside(cluster, mesh())
        build = Coordinator.__init__

        def with_foreign_policies(self: Coordinator, *args, **kwargs) -> None:
            kwargs["charm_mesh_policies"] = [
                AppPolicy(
                    relation="field-api",
                    endpoints=[Endpoint(ports=[3200], methods=[Method.get], paths=["/api/{*}"])],
                ),
                UnitPolicy(relation="field-api", ports=[3200]),
            ]
            build(self, *args, **kwargs)

        monkeypatch.setattr(Coordinator, "__init__", with_foreign_policies)
        assert self.outside(cluster, mesh()) == own

    def test_identity_is_published_to_other_models(self, cluster: Cluster):
        there = testing.Relation("require-cmr-mesh", remote_app_name="there")
        context = cluster.context
        state = context.run(context.on.relation_created(there), cluster.state(there))
        assert published(state, there) == {"cmr_data": {"app_name": APP, "juju_model_name": "m"}}

    def test_cross_model_application_has_its_own_name(self, cluster: Cluster):
        sent = {"cmr_data": json.dumps({"app_name": "client", "juju_model_name": "far"})}
        there = testing.Relation("provide-cmr-mesh", remote_app_name=f"remote-{1:032x}", remote_app_data=sent)
        client = testing.Relation("field-api", remote_app_name=f"remote-{1:032x}")
        beacon = mesh()
        found = requested(cluster.run(beacon, there, client), beacon)
        assert {(one["source_namespace"], one["source_app_name"]) for one in found} == {("far", "client")}

    def test_only_the_leader_asks(self, cluster: Cluster):
        beacon = mesh()
        assert published(cluster.run(beacon, leader=False), beacon) == {}


class TestInside:
    def test_cluster_members_may_reach_each_other(self, cluster: Cluster):
        cluster.run(mesh(), workers("b", units=2), workers("a"), store())
        assert inside(cluster) == {"pods": {APP, "a", "b"}, "service": {"a", "b"}}
        assert len(policies(cluster)) == 5

    def test_repeated_application_gets_one_policy(self):
        assert cluster_policies("m", "c", ["b", "a", "b"]) == cluster_policies("m", "c", ["a", "b"])
        assert len(cluster_policies("m", "c", ["b", "a", "b"])) == 5

    def test_worker_with_a_false_name_gets_no_policy(self, cluster: Cluster):
        liar = workers("a")
        topology = {"application": "intruder", "unit": "intruder/0", "charm_name": "x"}
        liar.remote_units_data[0]["juju_topology"] = json.dumps(topology)
        cluster.run(mesh(), liar, store())
        assert inside(cluster)["pods"] == {APP, "a"}

    def test_removed_worker_application_loses_access(self, cluster: Cluster):
        beacon, gone = mesh(), workers("gone")
        cluster.run(beacon, workers("stays"), gone, store())
        context = cluster.context
        state = cluster.state(beacon, workers("stays"), gone, store())
        context.run(context.on.relation_broken(gone), state)
        assert inside(cluster) == {"pods": {APP, "stays"}, "service": {"stays"}}

    def test_outside_of_a_mesh_there_are_no_policies(self, cluster: Cluster):
        cluster.run(workers(), store())
        assert policies(cluster) == []

    def test_policies_go_with_the_mesh(self, cluster: Cluster):
        beacon = mesh()
        cluster.run(beacon, workers(), store())
        context = cluster.context
        context.run(context.on.relation_broken(beacon), cluster.state(beacon, workers(), store()))
        assert policies(cluster) == []

    def test_the_last_unit_takes_the_policies_with_it(self, cluster: Cluster):
        cluster.run(mesh(), workers(), store())
        cluster.run(mesh(), workers(), store(), event="remove", planned_units=0, leader=False)
        assert policies(cluster) == []

    def test_a_unit_that_goes_leaves_the_policies_to_those_that_stay(self, cluster: Cluster):
        cluster.run(mesh(), workers(), store())
        cluster.server.requests.clear()
        cluster.run(mesh(), workers(), store(), event="remove", planned_units=1)
        assert cluster.requests() == []

    @pytest.mark.parametrize("relations", [(mesh(),), (mesh(), workers(role="querier"))])
    def test_a_cluster_that_is_not_complete_is_in_the_mesh_too(self, cluster: Cluster, relations):
        cluster.run(*relations)
        assert APP in inside(cluster)["pods"]

    def test_missing_istio_is_named_with_remedy(self, cluster: Cluster):
        cluster.server.store.uninstall_custom_resources()
        status = cluster.run(mesh(), workers(units=2), store()).unit_status
        assert isinstance(status, testing.BlockedStatus)
        assert "istio-k8s" in status.message

    def test_without_istio_and_without_a_mesh_nothing_is_amiss(self, cluster: Cluster):
        cluster.server.store.uninstall_custom_resources()
        assert cluster.run(workers(units=2), store()).unit_status == testing.ActiveStatus()

    def test_only_the_leader_writes(self, cluster: Cluster):
        cluster.run(mesh(), workers(), store(), leader=False)
        assert cluster.requests() == []

    def test_policies_have_labels_of_older_revisions(self, cluster: Cluster):
        cluster.run(mesh(), workers(), store())
        (one, *_) = cluster.server.store.objects("AuthorizationPolicy")
        found = one["metadata"]["labels"]
        assert found["app.kubernetes.io/instance"] == "field-m"
        assert found["kubernetes-resource-handler-scope"] == "field-m-cluster-internal"


class TestLabels:
    def test_pods_are_part_of_the_cluster_without_a_mesh_too(self, cluster: Cluster):
        cluster.run()
        assert labels(cluster) == PART_OF

    def test_pods_get_the_labels_of_the_mesh_and_lose_them_with_it(self, cluster: Cluster):
        beacon = mesh()
        state = cluster.run(beacon, workers(), store())
        assert labels(cluster) == {**PART_OF, **MESH_LABELS}
        cluster.run(state=again(state, relations={one for one in state.relations if one.id != beacon.id}))
        assert labels(cluster) == PART_OF

    def test_the_labels_are_noted_in_one_place(self, cluster: Cluster):
        beacon = mesh()
        cluster.context.run(cluster.context.on.relation_changed(beacon), cluster.state(beacon))
        assert self.notes(cluster) == [f"{APP}-pod-labels"]

    def test_units_that_do_not_lead_label_nothing(self, cluster: Cluster):
        cluster.run(mesh(), leader=False)
        assert labels(cluster) == {}

    @pytest.mark.parametrize("leader", [False, True])
    def test_removed_application_changes_none_of_its_pods(self, cluster: Cluster, leader: bool):
        cluster.run(mesh(), workers(), store())
        before = labels(cluster)
        cluster.server.requests.clear()
        for event in ("config_changed", "leader_elected", "remove"):
            cluster.run(workers(), store(), event=event, planned_units=0, leader=leader)
        assert labels(cluster) == before != {}
        own = ("/statefulsets/", "/services/", "/pods/")
        assert not [
            one for one in cluster.requests(["PATCH", "PUT", "DELETE"]) if any(map(one.__contains__, own))
        ]

    def test_the_note_goes_with_the_application(self, cluster: Cluster):
        cluster.run(mesh(), workers(), store())
        cluster.server.store.delete("Service", "m", APP)
        assert self.notes(cluster) == []

    def test_the_last_unit_goes_even_if_kubernetes_refuses(self, cluster: Cluster):
        cluster.run(mesh(), workers(), store())
        cluster.server.access.deny()
        cluster.run(mesh(), workers(), store(), event="remove", planned_units=0)

    def older_revision(self, cluster: Cluster, **mesh_labels: str) -> None:
        """Leave pods labelled as a revision did that noted the labels of the mesh apart from its own."""
        cluster.run(workers(), store())
        note = ObjectMeta(name=f"juju-service-mesh-{APP}-labels", namespace="m")
        cluster.client.create(ConfigMap(metadata=note, data={"labels": json.dumps(mesh_labels)}))
        template = {"metadata": {"labels": mesh_labels}}
        cluster.client.patch(StatefulSet, APP, {"spec": {"template": template}}, namespace="m")
        cluster.server.requests.clear()

    def notes(self, cluster: Cluster) -> list[str]:
        return [one["metadata"]["name"] for one in cluster.server.store.objects("ConfigMap", "m")]

    def test_upgrade_changes_nothing_of_a_removed_application(self, cluster: Cluster):
        self.older_revision(cluster, **MESH_LABELS)
        cluster.run(workers(), store(), event="upgrade_charm", planned_units=0)
        assert labels(cluster) == {**PART_OF, **MESH_LABELS}
        assert cluster.requests(["PATCH", "PUT"]) == []

    def test_upgrade_takes_over_labels_without_restarts(self, cluster: Cluster):
        self.older_revision(cluster, **MESH_LABELS)
        cluster.run(mesh(), workers(), store(), event="upgrade_charm")
        assert labels(cluster) == {**PART_OF, **MESH_LABELS}
        assert not [one for one in cluster.requests(["PATCH", "PUT"]) if "statefulsets" in one]
        assert self.notes(cluster) == [f"{APP}-pod-labels"]

    def test_upgrade_takes_over_labels_where_juju_counts_no_units(
        self, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
    ):
        self.older_revision(cluster, **MESH_LABELS)
        refuse_tools(monkeypatch, "planned_units")
        cluster.run(mesh(), workers(), store(), event="upgrade_charm")
        assert self.notes(cluster) == [f"{APP}-pod-labels"]

    def test_upgrade_labels_no_pod_for_the_service_alone(self, cluster: Cluster):
        self.older_revision(cluster, **MESH_LABELS)
        beacon = mesh(labels="{}", waypoint='"m/w"')
        before = len(cluster.server.store.objects("ControllerRevision", "m"))
        cluster.run(beacon, store(), event="upgrade_charm")
        assert labels(cluster) == PART_OF
        assert len(cluster.server.store.objects("ControllerRevision", "m")) <= before + 1

    def test_upgrade_removes_obsolete_labels(self, cluster: Cluster):
        self.older_revision(cluster, **MESH_LABELS, stale="yes")
        cluster.run(workers(), store(), event="upgrade_charm")
        assert labels(cluster) == PART_OF
        assert self.notes(cluster) == [f"{APP}-pod-labels"]


def test_our_package_does_not_import_the_published_name(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    broken = types.ModuleType("charms.istio_beacon_k8s.v0.service_mesh")
    monkeypatch.setitem(sys.modules, "charms.istio_beacon_k8s.v0.service_mesh", broken)
    beacon = mesh()
    assert requested(cluster.run(beacon, testing.Relation("field-api"), workers(), store()), beacon)


UNREADABLE = {"labels": {"labels": "not json"}, "type": {"mesh_type": '"linkerd"'}}


@pytest.mark.parametrize("sent", UNREADABLE.values(), ids=UNREADABLE)
class TestABeaconThatCanNotBeUnderstood:
    def after(self, cluster: Cluster, sent: dict[str, str], *more: testing.Relation) -> testing.State:
        """Have a beacon, valid until now, send this, with two workers and maybe more."""
        state = cluster.run(mesh(), workers(units=2), store())
        cluster.server.requests.clear()
        (beacon,) = state.get_relations("service-mesh")
        beacon = dataclasses.replace(beacon, remote_app_data={**beacon.remote_app_data, **sent})
        others = {one for one in state.relations if one.id != beacon.id}
        return cluster.run(state=again(state, relations={*others, beacon, *more}))

    def test_leaves_the_pods_and_policies_as_they_are(self, cluster: Cluster, sent: dict[str, str]):
        self.after(cluster, sent)
        assert labels(cluster) == {**PART_OF, **MESH_LABELS}
        assert inside(cluster) == {"pods": {APP, "worker"}, "service": {"worker"}}
        assert cluster.requests(["POST", "PUT", "PATCH", "DELETE"]) == []

    def test_leaves_the_workers_in_the_mesh(self, cluster: Cluster, sent: dict[str, str]):
        state = self.after(cluster, sent)
        (relation,) = state.get_relations("field-cluster")
        assert published(state, relation)["worker_labels"] == {**PART_OF, **MESH_LABELS}

    def test_does_not_keep_a_new_worker_from_joining(self, cluster: Cluster, sent: dict[str, str]):
        new = workers("new")
        state = self.after(cluster, sent, new)
        assert published(state, new)["worker_labels"] == {**PART_OF, **MESH_LABELS}
        assert "field" in published(state, new)["worker_config"]

    def test_is_named_with_the_reason(self, cluster: Cluster, sent: dict[str, str]):
        status = self.after(cluster, sent).unit_status
        assert isinstance(status, testing.BlockedStatus)
        assert "mesh" in status.message
        assert next(iter(sent)) in status.message

    def test_deletes_all_on_removal(self, cluster: Cluster, sent: dict[str, str]):
        state = self.after(cluster, sent)
        gone = {one for one in state.relations if one.endpoint != "service-mesh"}
        state = cluster.run(state=again(state, relations=gone))
        assert labels(cluster) == PART_OF
        assert policies(cluster) == []
        assert state.unit_status == testing.ActiveStatus()


def test_pods_do_not_join_an_invalid_mesh(cluster: Cluster):
    relation = workers(units=2)
    state = cluster.run(mesh(labels="not json"), relation, store())
    assert policies(cluster) == []
    assert published(state, relation)["worker_labels"] == PART_OF


def test_cluster_policies_use_the_published_trust_domain(cluster: Cluster):
    """A pattern in its place would match more identities: nothing changes."""
    beacon = mesh()
    state = cluster.run(workers(), store(), beacon)
    for sent, expected in (
        ('"mesh.example"', "mesh.example/ns/m/sa/"),
        ('"*"', "mesh.example/ns/m/sa/"),
        ("", "cluster.local/ns/m/sa/"),
    ):
        data = {**beacon.remote_app_data, "trust_domain": sent}
        others = {one for one in state.relations if one.id != beacon.id}
        changed = dataclasses.replace(beacon, remote_app_data=data)
        state = cluster.run(state=again(state, relations={*others, changed}))
        written = policies(cluster)
        assert written
        for spec in written:
            (principal,) = spec["rules"][0]["from"][0]["source"]["principals"]
            assert principal.startswith(expected)


class TestLeaving:
    """Pods leave the mesh one after another; those that have left have no identity."""

    def label_pod(self, cluster: Cluster, name: str, **labels: str | None) -> None:
        patch = {"metadata": {"labels": {**PART_OF, "istio.io/dataplane-mode": None, **labels}}}
        cluster.client.patch(Pod, name, patch, namespace="m", patch_type=PatchType.MERGE)

    def leave(self, cluster: Cluster) -> testing.State:
        state = cluster.run(mesh(), workers(), store())
        spec = PodSpec(containers=[Container(name="w", image="w")])
        labels = {**PART_OF, "istio.io/dataplane-mode": "ambient"}
        cluster.client.create(
            Pod(metadata=ObjectMeta(name="worker-0", namespace="m", labels=labels), spec=spec)
        )
        gone = {one for one in state.relations if one.endpoint != "service-mesh"}
        return cluster.run(state=again(state, relations=gone))

    def test_everything_is_allowed_until_the_last_pod_has_left(self, cluster: Cluster):
        state = self.leave(cluster)
        assert {str(spec["rules"]) for spec in policies(cluster)} >= {"[{}]"}
        assert state.unit_status == testing.WaitingStatus(
            "leaving the mesh: pods of the cluster are still in it"
        )
        self.label_pod(cluster, "worker-0")
        state = cluster.run(state=again(state))
        assert policies(cluster) == []
        assert state.unit_status.name == "active"


class TestWholeModel:
    """The namespace has the labels of the mesh, and the pods have none."""

    def test_waypoint_is_allowed_at_the_coordinator(self, cluster: Cluster):
        cluster.run(mesh(labels="{}", waypoint='"m/m-beacon-waypoint"'), workers(), store())
        (spec,) = (each for each in policies(cluster) if "waypoint" in str(each))
        assert spec["selector"]["matchLabels"] == {"app.kubernetes.io/name": APP}
        assert spec["rules"][0]["from"] == [
            {"source": {"principals": ["cluster.local/ns/m/sa/m-beacon-waypoint"]}}
        ]

    @pytest.mark.parametrize("sent", ["m/w", '"w"', '"m/*"', '"*/w"', '"m/w/x"', '""', "[]", "null"])
    def test_nothing_is_written_if_it_is_invalid(self, cluster: Cluster, sent: str):
        state = cluster.run(mesh(labels="{}", waypoint=sent), workers(), store())
        assert policies(cluster) == []
        assert "waypoint" in state.unit_status.message

    def test_workers_services_are_kept_from_the_waypoint(self, cluster: Cluster):
        worker = workers()
        state = cluster.run(mesh(labels="{}", waypoint='"m/w"'), worker, store())
        assert published(state, worker)["worker_labels"] == {**PART_OF, **NONE}
        assert labels(cluster) == PART_OF
        assert service_labels(cluster) == PART_OF

    def test_beacon_that_is_invalid_changes_nothing(self, cluster: Cluster):
        worker = workers()
        state = cluster.run(mesh(labels="{}", waypoint='"m/w"'), worker, store())
        (beacon,) = state.get_relations("service-mesh")
        sent = {**beacon.remote_app_data, "waypoint": "nonsense"}
        others = {one for one in state.relations if one.id != beacon.id}
        changed = dataclasses.replace(beacon, remote_app_data=sent)
        state = cluster.run(state=again(state, relations={*others, changed}))
        assert published(state, worker)["worker_labels"] == {**PART_OF, **NONE}

    def test_workers_follow_when_the_model_leaves(self, cluster: Cluster):
        worker = workers()
        state = cluster.run(mesh(labels="{}", waypoint='"m/w"'), worker, store())
        (beacon,) = state.get_relations("service-mesh")
        sent = {**beacon.remote_app_data, "waypoint": "", "labels": json.dumps(MESH_LABELS)}
        others = {one for one in state.relations if one.id != beacon.id}
        changed = dataclasses.replace(beacon, remote_app_data=sent)
        state = cluster.run(state=again(state, relations={*others, changed}))
        assert published(state, worker)["worker_labels"] == {**PART_OF, **MESH_LABELS}


class TestServiceWithoutPolicy:
    """A Service that leads to the waypoint is open there until a policy is on it."""

    def hold_policy(self, cluster: Cluster) -> AuthorizationPolicy:
        """Have the name of the policy on the coordinator's Service taken by another owner."""
        own = ObjectMeta(name=f"m.{APP}.{APP}.app.from.m.worker", namespace="m")
        return cluster.client.create(AuthorizationPolicy(metadata=own, spec={}))

    @pytest.mark.parametrize(
        ("sent", "closed", "bound"),
        [
            ({}, {}, {"istio.io/use-waypoint": "w"}),
            ({"labels": "{}", "waypoint": '"m/w"'}, {"istio.io/use-waypoint": "none"}, {}),
        ],
        ids=["pods", "model"],
    )
    def test_is_not_bound(
        self, cluster: Cluster, sent: dict[str, str], closed: dict[str, str], bound: dict[str, str]
    ):
        held = self.hold_policy(cluster)
        state = cluster.run(mesh(**sent), workers(), store())
        assert state.unit_status.name == "blocked"
        assert waypoint_label(service_labels(cluster)) == closed
        # The pods are in the mesh all the same, closed by the policies on them.
        closed_pods = [spec["selector"]["matchLabels"] for spec in policies(cluster) if "selector" in spec]
        assert closed_pods.count(PART_OF) == 2
        assert held.metadata
        assert held.metadata.name
        cluster.client.delete(AuthorizationPolicy, held.metadata.name, namespace="m")
        cluster.run(state=again(state))
        assert waypoint_label(service_labels(cluster)) == bound
        assert "none" not in labels(cluster).values()

    @pytest.mark.parametrize("first", [True, False])
    def test_stays_as_it_is_while_policies_are_not_listed(self, cluster: Cluster, first: bool):
        if not first:
            cluster.run(mesh(), workers(), store())
        before = service_labels(cluster)
        cluster.server.access.deny(verbs=["list"], resources=["authorizationpolicies"])
        cluster.run(mesh(), workers(), store())
        assert service_labels(cluster) == before

    def test_stays_bound_while_a_policy_is_on_it(self, cluster: Cluster):
        state = cluster.run(mesh(), workers(), store())
        cluster.server.access.deny(verbs=["create", "patch"], resources=["authorizationpolicies"])
        cluster.run(state=again(state, relations={*state.relations, workers("more")}))
        assert waypoint_label(service_labels(cluster)) == {"istio.io/use-waypoint": "w"}


def service_labels(cluster: Cluster) -> dict[str, str]:
    service = cluster.client.get(Service, APP, namespace="m")
    found = (service.metadata and service.metadata.labels) or {}
    return {key: value for key, value in found.items() if key != "app.kubernetes.io/name"}


def waypoint_label(labels: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in labels.items() if key == "istio.io/use-waypoint"}


class TestRootNamespace:
    """The cluster is in the namespace whose policies on pods hold in all models."""

    def test_no_policy_is_on_pods(self, cluster: Cluster):
        state = cluster.run(mesh(root_namespaces='["control", "m"]'), workers(), store())
        assert ["targetRefs" in spec for spec in policies(cluster)] == [True]
        assert "in Istio's root namespace" in state.unit_status.message
        assert state.unit_status.message.endswith("use another model")

    def test_policies_on_pods_go(self, cluster: Cluster):
        beacon = mesh()
        state = cluster.run(workers(), store(), beacon)
        assert len(policies(cluster)) == 3
        data = {**beacon.remote_app_data, "root_namespaces": '["m"]'}
        others = {one for one in state.relations if one.id != beacon.id}
        now = dataclasses.replace(beacon, remote_app_data=data)
        cluster.run(state=again(state, relations={*others, now}))
        assert len(policies(cluster)) == 1

    @pytest.mark.parametrize("sent", ["[]", "", '["another"]'])
    def test_other_namespaces_are_no_matter(self, cluster: Cluster, sent: str):
        cluster.run(mesh(root_namespaces=sent), workers(), store())
        assert len(policies(cluster)) == 3

    @pytest.mark.parametrize("sent", ["m", '"m"', "[1]", '["*"]', '["A b"]', "null", "{}"])
    def test_nothing_is_written_if_it_is_invalid(self, cluster: Cluster, sent: str):
        state = cluster.run(mesh(root_namespaces=sent), workers(), store())
        assert policies(cluster) == []
        assert "root_namespaces" in state.unit_status.message


class TestAudit:
    def marks(self, cluster: Cluster) -> list[tuple[bool, bool]]:
        """Return for each policy whether it is in audit mode, and whether it allows everything."""
        return [
            (
                one["metadata"].get("annotations", {}).get("istio.io/dry-run") == "true",
                one["spec"]["rules"] == [{}],
            )
            for one in cluster.server.store.objects("AuthorizationPolicy")
        ]

    def test_nothing_is_denied(self, cluster: Cluster):
        cluster.run(mesh(policy_mode='"audit"'), workers(), store())
        # Two sources reach the pods, and the worker the Service; both targets allow everything meanwhile.
        assert sorted(self.marks(cluster)) == [(False, True)] * 2 + [(True, False)] * 3

    def test_policies_are_enforced_again(self, cluster: Cluster):
        state = cluster.run(mesh(policy_mode='"audit"'), workers(), store())
        (beacon,) = state.get_relations("service-mesh")
        data = {key: value for key, value in beacon.remote_app_data.items() if key != "policy_mode"}
        others = {one for one in state.relations if one.id != beacon.id}
        now = dataclasses.replace(beacon, remote_app_data=data)
        cluster.run(state=again(state, relations={*others, now}))
        assert self.marks(cluster) == [(False, False)] * 3

    @pytest.mark.parametrize("mode", ["audit", '"enforce"', "[]", '"Audit"'])
    def test_an_unknown_mode_is_enforced(self, cluster: Cluster, mode: str):
        cluster.run(mesh(policy_mode=mode), workers(), store())
        assert self.marks(cluster) == [(False, False)] * 3
