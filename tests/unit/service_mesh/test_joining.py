"""A charm's pods join the mesh and leave it, in a Kubernetes API over HTTP."""

import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path

import ops
import pytest
from lightkube import Client, KubeConfig
from lightkube.models.apps_v1 import StatefulSetSpec
from lightkube.models.core_v1 import Container, PodSpec, PodTemplateSpec, ServicePort, ServiceSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import StatefulSet
from lightkube.resources.core_v1 import ConfigMap, Namespace, Pod, Service
from lightkube.types import PatchType
from ops import testing

from charmlibs.interfaces.service_mesh import AppPolicy, ServiceMeshConsumer, UnitPolicy
from sandbox.kubernetes import KubernetesServer
from tests.support.faulty_server import FaultyServer
from tests.support.juju_tools import refuse_databags

META = {"name": "web", "requires": {"service-mesh": {"interface": "service_mesh", "limit": 1}}}
JUJU = {"app.kubernetes.io/name": "web"}
MESH = {"istio.io/dataplane-mode": "ambient"}


class Caller(ops.CharmBase):
    """Sends a request to another application in their first hook, and joins the mesh before."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.mesh = ServiceMeshConsumer(self)
        framework.observe(self.on["proxy"].relation_created, self._on_proxy_relation_created)

    def _on_proxy_relation_created(self, _: ops.RelationCreatedEvent):
        self.mesh._update_labels(None)


class Web(ops.CharmBase):
    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.mesh = ServiceMeshConsumer(self)
        framework.observe(self.on.collect_unit_status, self._on_collect_unit_status)

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent):
        event.add_status(ops.ActiveStatus())


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    with KubernetesServer() as server:
        yield server


@pytest.fixture
def client(server: KubernetesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client of a model with the application `web`; the charm finds the same API."""
    kubeconfig = server.write_kubeconfig(tmp_path / "kubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    client = Client(KubeConfig.from_file(kubeconfig), namespace="m", field_manager="test")
    client.create(Namespace(metadata=ObjectMeta(name="m")))
    pod = PodSpec(containers=[Container(name="charm", image="charm-base:24.04")])
    template = PodTemplateSpec(metadata=ObjectMeta(labels=dict(JUJU)), spec=pod)
    spec = StatefulSetSpec(selector=LabelSelector(matchLabels=JUJU), serviceName="web", template=template)
    client.create(StatefulSet(metadata=ObjectMeta(name="web"), spec=spec))
    metadata = ObjectMeta(name="web", labels=dict(JUJU))
    client.create(Service(metadata=metadata, spec=ServiceSpec(ports=[ServicePort(port=80)])))
    server.requests.clear()
    return client


@pytest.fixture
def ctx() -> testing.Context[Web]:
    return testing.Context(Web, META)


def state(*relations: testing.Relation, leader: bool = True) -> testing.State:
    return testing.State(leader=leader, relations=relations, model=testing.Model("m"))


def mesh(labels: object = MESH) -> testing.Relation:
    text = labels if isinstance(labels, str) else json.dumps(labels)
    return testing.Relation("service-mesh", remote_app_name="beacon", remote_app_data={"labels": text})


def pod_labels(client: Client) -> dict[str, str]:
    spec = client.get(StatefulSet, "web").spec
    assert spec and spec.template.metadata
    return spec.template.metadata.labels or {}


@pytest.mark.usefixtures("server")
def test_pods_join_once_labels_are_published(ctx: testing.Context[Web], client: Client):
    relation = mesh()
    out = ctx.run(ctx.on.relation_changed(relation), state(relation))
    assert pod_labels(client) == {**JUJU, **MESH}
    assert out.unit_status == ops.ActiveStatus()


@pytest.mark.parametrize(
    ("leader", "related", "expected"),
    [(True, True, {**JUJU, **MESH}), (True, False, JUJU), (False, True, JUJU)],
    ids=["leader", "no mesh", "no leader"],
)
def test_charm_joins_in_hook_of_its_own(
    client: Client, leader: bool, related: bool, expected: dict[str, str]
):
    meta = {**META, "requires": {**META["requires"], "proxy": {"interface": "proxy"}}}  # type: ignore[dict-item]
    ctx = testing.Context(Caller, meta)
    proxy = testing.Relation("proxy", remote_app_name="proxy")
    relations = (proxy, mesh()) if related else (proxy,)
    ctx.run(ctx.on.relation_created(proxy), state(*relations, leader=leader))
    assert pod_labels(client) == expected


@pytest.mark.parametrize("event", ["leader_elected", "config_changed", "upgrade_charm", "update_status"])
def test_pods_that_lost_their_labels_join_again_after(ctx: testing.Context[Web], client: Client, event: str):
    ctx.run(getattr(ctx.on, event)(), state(mesh()))
    assert pod_labels(client) == {**JUJU, **MESH}


def test_labels_of_a_running_pod_come_back(ctx: testing.Context[Web], client: Client):
    """Without them it would be outside of the mesh, where policies mean nothing, until it restarts."""
    relation = mesh()
    out = ctx.run(ctx.on.relation_changed(relation), state(relation))
    status = client.get(StatefulSet, "web").status
    assert status
    by_hand = {"controller-revision-hash": status.updateRevision, **dict.fromkeys(MESH)}
    client.patch(Pod, "web-0", {"metadata": {"labels": by_hand}}, patch_type=PatchType.MERGE)
    ctx.run(ctx.on.update_status(), out)
    metadata = client.get(Pod, "web-0").metadata
    assert metadata
    assert (metadata.labels or {}).items() >= MESH.items()


def test_pods_that_cannot_be_listed_are_no_problem(
    ctx: testing.Context[Web], client: Client, server: KubernetesServer
):
    relation = mesh()
    out = ctx.run(ctx.on.relation_changed(relation), state(relation))
    server.access.deny(resources=["pods"])
    out = ctx.run(ctx.on.update_status(), out)
    server.access.restore()
    assert out.unit_status == ops.ActiveStatus()


def test_the_pods_leave_when_the_relation_is_broken(ctx: testing.Context[Web], client: Client):
    relation = mesh()
    out = ctx.run(ctx.on.relation_changed(relation), state(relation))
    ctx.run(ctx.on.relation_broken(relation), out)
    assert pod_labels(client) == JUJU


def test_mesh_that_went_while_there_was_no_unit_is_left_at_the_start(
    ctx: testing.Context[Web], client: Client
):
    relation = mesh()
    ctx.run(ctx.on.relation_changed(relation), state(relation))
    ctx.run(ctx.on.start(), state())
    assert pod_labels(client) == JUJU


@pytest.mark.parametrize("has_kubernetes", [True, False])
def test_start_without_mesh_needs_no_permission(
    ctx: testing.Context[Web],
    client: Client,
    server: KubernetesServer,
    monkeypatch: pytest.MonkeyPatch,
    has_kubernetes: bool,
):
    server.access.deny()
    if not has_kubernetes:
        monkeypatch.setenv("KUBECONFIG", "none")
    assert ctx.run(ctx.on.start(), state()).unit_status == ops.ActiveStatus()


@pytest.mark.parametrize("event", ["relation_broken", "leader_elected"])
def test_an_application_that_is_removed_leaves_its_pods_alone(
    ctx: testing.Context[Web], client: Client, server: KubernetesServer, event: str
):
    """Juju would not adopt a pod that is replaced then."""
    relation = mesh()
    out = ctx.run(ctx.on.relation_changed(relation), state(relation))
    server.requests.clear()
    going = dataclasses.replace(out, planned_units=0)
    ctx.run(
        ctx.on.relation_broken(relation) if event == "relation_broken" else ctx.on.leader_elected(), going
    )
    assert server.requests == []
    assert pod_labels(client) == {**JUJU, **MESH}


def test_withdrawn_labels_come_off_the_pods(ctx: testing.Context[Web], client: Client):
    relation = mesh()
    ctx.run(ctx.on.relation_changed(relation), state(relation))
    without = mesh({})
    ctx.run(ctx.on.relation_changed(without), state(without))
    assert pod_labels(client) == JUJU


def test_follower_does_not_ask_kubernetes(
    ctx: testing.Context[Web], client: Client, server: KubernetesServer
):
    relation = mesh()
    ctx.run(ctx.on.relation_changed(relation), state(relation, leader=False))
    ctx.run(ctx.on.relation_broken(relation), state(relation, leader=False))
    assert server.requests == []


def test_charm_without_mesh_does_not_ask_kubernetes(
    ctx: testing.Context[Web], client: Client, server: KubernetesServer
):
    for event in (ctx.on.config_changed(), ctx.on.leader_elected(), ctx.on.update_status()):
        ctx.run(event, state())
    assert server.requests == []


def test_labels_that_can_not_be_read_leave_the_pods_in_the_mesh(ctx: testing.Context[Web], client: Client):
    relation = mesh()
    ctx.run(ctx.on.relation_changed(relation), state(relation))
    unreadable = mesh("{")
    out = ctx.run(ctx.on.relation_changed(unreadable), state(unreadable))
    assert pod_labels(client) == {**JUJU, **MESH}
    assert isinstance(out.unit_status, ops.BlockedStatus)
    assert "invalid labels of the mesh" in out.unit_status.message


def test_withheld_labels_leave_pods_in_the_mesh(
    ctx: testing.Context[Web], client: Client, monkeypatch: pytest.MonkeyPatch
):
    relation = mesh()
    before = ctx.run(ctx.on.relation_changed(relation), state(relation))
    refuse_databags(monkeypatch, relation.id)
    after = ctx.run(ctx.on.update_status(), before)
    assert pod_labels(client) == {**JUJU, **MESH}
    assert "cannot read its databag from Juju" in after.unit_status.message


def test_missing_permission_has_a_command_and_is_retried(
    ctx: testing.Context[Web], client: Client, server: KubernetesServer
):
    relation = mesh()
    server.access.deny(resources=["configmaps"])
    out = ctx.run(ctx.on.relation_changed(relation), state(relation))
    assert isinstance(out.unit_status, ops.BlockedStatus)
    assert "juju trust web --scope=cluster" in out.unit_status.message

    out = ctx.run(ctx.on.start(), out)
    assert isinstance(out.unit_status, ops.BlockedStatus), "still so, though nothing was tried"

    server.access.restore()
    out = ctx.run(ctx.on.update_status(), out)
    assert out.unit_status == ops.ActiveStatus()
    assert pod_labels(client) == {**JUJU, **MESH}


def test_an_api_that_does_not_answer_is_a_status_and_no_error(
    ctx: testing.Context[Web], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with KubernetesServer() as gone:
        monkeypatch.setenv("KUBECONFIG", str(gone.write_kubeconfig(tmp_path / "kubeconfig")))
    relation = mesh()
    out = ctx.run(ctx.on.relation_changed(relation), state(relation))
    assert isinstance(out.unit_status, ops.WaitingStatus)
    assert "update-status" in out.unit_status.message


@pytest.mark.parametrize("fault", ["not json", "no type", "nonsense", 503, "hang up", "hang"])
def test_failed_request_is_a_short_waiting_status(
    ctx: testing.Context[Web],
    server: KubernetesServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: int | str,
):
    relation = mesh()
    with FaultyServer(server.url) as faulty:
        faulty.plan = lambda *_: fault
        monkeypatch.setenv("KUBECONFIG", str(faulty.write_kubeconfig(tmp_path / "faulty")))
        started = time.monotonic()
        out = ctx.run(ctx.on.relation_changed(relation), state(relation))
        assert time.monotonic() - started < 20
    assert isinstance(out.unit_status, ops.WaitingStatus)
    assert "update-status" in out.unit_status.message


def test_requests_to_kubernetes_do_not_flood_the_log(ctx: testing.Context[Web], client: Client):
    relation = mesh()
    ctx.run(ctx.on.relation_changed(relation), state(relation))
    assert pod_labels(client) == {**JUJU, **MESH}
    assert not any("HTTP" in line.message or "request" in line.message for line in ctx.juju_log)


def test_a_charm_that_finds_no_kubernetes_waits_for_it(
    ctx: testing.Context[Web], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nothing"))
    relation = mesh()
    out = ctx.run(ctx.on.relation_changed(relation), state(relation))
    assert isinstance(out.unit_status, ops.WaitingStatus)


def test_what_kubernetes_refuses_is_for_an_operator(ctx: testing.Context[Web], client: Client):
    client.delete(StatefulSet, "web")
    relation = mesh()
    out = ctx.run(ctx.on.relation_changed(relation), state(relation))
    assert isinstance(out.unit_status, ops.BlockedStatus)
    assert "not found" in out.unit_status.message


def test_foreign_configmap_blocks_and_stays(ctx: testing.Context[Web], client: Client):
    name = "juju-service-mesh-web-labels"
    client.create(ConfigMap(metadata=ObjectMeta(name=name), data={"theirs": "yes"}))
    relation = mesh()
    out = ctx.run(ctx.on.relation_changed(relation), state(relation))
    assert isinstance(out.unit_status, ops.BlockedStatus)
    assert name in out.unit_status.message
    ctx.run(ctx.on.relation_broken(relation), state(relation))
    assert client.get(ConfigMap, name).data == {"theirs": "yes"}


def service_labels(client: Client) -> dict[str, str]:
    metadata = client.get(Service, "web").metadata
    assert metadata
    return metadata.labels or {}


class Shop(ops.CharmBase):
    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        policies = [AppPolicy(relation="items", endpoints=[]), UnitPolicy(relation="metrics")]
        self.mesh = ServiceMeshConsumer(self, policies=policies)


def test_service_leads_to_the_waypoint_only_for_a_policy_on_it(client: Client):
    """Without one at the waypoint it would be open to the whole mesh."""
    provides = {"items": {"interface": "x"}, "metrics": {"interface": "y"}}
    ctx = testing.Context(Shop, {**META, "provides": provides})
    at_waypoint = {"istio.io/use-waypoint": "w", "istio.io/use-waypoint-namespace": "m"}
    beacon = mesh({**MESH, **at_waypoint})
    scraper, shop = testing.Relation("metrics"), testing.Relation("items")
    after = ctx.run(ctx.on.relation_changed(beacon), state(beacon, scraper))
    assert pod_labels(client) == {**JUJU, **MESH, **at_waypoint}
    assert service_labels(client) == {**JUJU, **MESH}
    related = dataclasses.replace(after, relations=[*after.relations, shop])
    after = ctx.run(ctx.on.relation_created(shop), related)
    assert service_labels(client) == {**JUJU, **MESH, **at_waypoint}
    ctx.run(ctx.on.relation_broken(shop), after)
    assert pod_labels(client) == {**JUJU, **MESH, **at_waypoint}
    assert service_labels(client) == {**JUJU, **MESH}


@pytest.mark.parametrize("services", ["[]", '["other"]', "none", '"web"', "[1]"])
def test_service_uses_the_waypoint_once_its_policy_exists(client: Client, services: str):
    """Until then it would be open to the whole mesh. The label stays."""
    provides = {"items": {"interface": "x"}, "metrics": {"interface": "y"}}
    ctx = testing.Context(Shop, {**META, "provides": provides})
    at_waypoint = {"istio.io/use-waypoint": "w", "istio.io/use-waypoint-namespace": "m"}
    beacon = mesh({**MESH, **at_waypoint})
    after = state(beacon, testing.Relation("items"))
    for published, leads in ((services, False), ('["web"]', True), (services, True)):
        data = {**beacon.remote_app_data, "services": published}
        changed = dataclasses.replace(after.get_relation(beacon.id), remote_app_data=data)
        others = [each for each in after.relations if each.id != beacon.id]
        after = ctx.run(
            ctx.on.relation_changed(changed), dataclasses.replace(after, relations=[*others, changed])
        )
        assert service_labels(client) == {**JUJU, **MESH, **(at_waypoint if leads else {})}
