"""A worker's container: configuration, layer and services, each written once."""

import json
import socket
from pathlib import Path
from types import MappingProxyType
from typing import Any

import ops
import pytest
from lightkube import Client
from lightkube.models.core_v1 import ResourceRequirements
from ops import testing

from coordinated_workers.worker import Worker
from sandbox.kubernetes import KubernetesServer
from tests.scenario.worker.conftest import FQDN, ContainerChanges, Store, changed, cluster
from tests.scenario.worker.store_charm import StoreCharm
from tests.support.juju_application import pod_template
from tests.support.juju_tools import lose_relations, refuse_tools

PART_OF = {"app.kubernetes.io/part-of": "kv"}
CONFIG_FILE = "/etc/worker/config.yaml"


def published(store: Store) -> dict[str, Any]:
    """Return the worker's data for the coordinator."""
    data = {**store.relation.local_app_data, **store.relation.local_unit_data}
    return {key: json.loads(data[key]) for key in ("role", "address", "juju_topology") if key in data}


def test_roles_address_and_topology_are_published(store: Store):
    store.deploy(config={"role-api": True, "role-disk": True})
    assert published(store) == {
        "role": "api,disk",
        "address": FQDN,
        "juju_topology": {"application": "store", "unit": "store/0", "charm_name": "store-worker-k8s"},
    }


def test_standby_unit_publishes_its_own_data(store: Store):
    store.deploy(leader=False)
    assert published(store).keys() == {"address", "juju_topology"}


def test_roles_that_are_taken_away_are_taken_back(store: Store):
    store.deploy()
    store.run(config={})
    assert "role" not in published(store)


def test_name_that_is_no_host_is_not_published(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(socket, "getfqdn", lambda name="": name or "no host")
    store.deploy()
    assert "address" not in store.relation.local_unit_data
    assert "cannot publish this unit to the coordinator" in caplog.text
    assert store.services == {"store": "active"}


def test_configuration_is_written_verbatim(store: Store):
    text = "b: 1  # with a comment\na: 0x10\n"
    store.deploy(cluster(worker_config=text))
    assert store.file(CONFIG_FILE) == text


def test_services_of_layer_run(store: Store):
    store.deploy()
    assert store.services == {"store": "active"}
    service = store.container.plan.services["store"]
    assert service.command == f"/bin/store -config {CONFIG_FILE} -target api"
    assert service.environment == {"UNIT": "store/0", "HOST": FQDN}


def test_without_readiness_endpoint_there_is_no_check(store: Store):
    store.deploy()
    assert store.container.plan.checks == {}


@pytest.mark.parametrize("leader", [True, False])
def test_nothing_is_done_when_nothing_changed(
    store: Store, container_changes: ContainerChanges, kubernetes: KubernetesServer, leader: bool
):
    offer = {
        "ca_cert": "CA",
        "s3_tls_ca_chain": "S3",
        "worker_labels": PART_OF,
        "worker_ports": [80],
    }
    loki = {"loki_endpoints": {"loki/0": "http://loki"}}
    store.deploy(cluster(worker_config="a: 1", **offer, **loki), leader=leader)
    before = store.relation
    container_changes.calls.clear()
    kubernetes.requests.clear()
    store.run()
    assert container_changes() == []
    assert {request.method for request in kubernetes.requests} <= {"GET"}
    # At update-status the pods are read, too: others may have changed their labels.
    assert len(kubernetes.requests) == (4 if leader else 0)
    assert store.relation == before


def test_new_configuration_stops_and_starts_services(store: Store, container_changes: ContainerChanges):
    store.deploy()
    container_changes.calls.clear()
    store.run(relations=[changed(store.relation, worker_config="a: 2")])
    assert container_changes() == [("stop", "store"), ("push", CONFIG_FILE), ("restart", "store")]
    assert store.file(CONFIG_FILE) == "a: 2"


def test_a_new_layer_restarts_services(store: Store, container_changes: ContainerChanges):
    store.deploy()
    container_changes.calls.clear()
    store.run(config={"role-disk": True})
    assert container_changes("push", "restart", "start", "stop") == [("restart", "store")]
    assert store.container.plan.services["store"].command.endswith("-target disk")


def test_a_new_check_restarts_nothing(tmp_path: Path, container_changes: ContainerChanges):
    class Checked(StoreCharm):
        readiness_check_endpoint = "http://127.0.0.1:9/ready"

    store = Store(tmp_path, Checked)
    store.deploy()
    container_changes.calls.clear()
    Checked.readiness_check_endpoint = "http://127.0.0.1:9/readiness"
    store.run()
    assert container_changes() == [("add_layer", "store")]
    assert store.container.plan.checks["ready"].http == {"url": "http://127.0.0.1:9/readiness"}
    store.run()
    assert len(container_changes()) == 1


def test_readiness_endpoint_may_depend_on_the_worker(tmp_path: Path):
    def endpoint(_: StoreCharm, worker: Worker) -> str:
        return f"http://127.0.0.1:9/{worker.roles[0]}"

    store = Store(tmp_path, type("Checked", (StoreCharm,), {"readiness_check_endpoint": endpoint}))
    store.deploy()
    assert store.container.plan.checks["ready"].http == {"url": "http://127.0.0.1:9/api"}


def test_what_pebble_writes_in_another_way_is_no_change(
    store: Store, container_changes: ContainerChanges, monkeypatch: pytest.MonkeyPatch
):
    """Pebble returns a `kill-delay` of 60s as 1m0s."""
    plan = ops.Container.get_plan

    def rewritten(container: ops.Container) -> ops.pebble.Plan:
        found = plan(container).to_dict()
        for service in found.get("services", {}).values():
            service["kill-delay"] = "1m0s"
        return ops.pebble.Plan(json.dumps(found))

    monkeypatch.setattr(ops.Container, "get_plan", rewritten)
    store.deploy()
    container_changes.calls.clear()
    store.run()
    assert container_changes("restart", "start", "stop") == []


def test_service_that_is_down_is_started(store: Store, container_changes: ContainerChanges):
    store.deploy()
    container_changes.calls.clear()
    down = {"store": ops.pebble.ServiceStatus.ERROR}
    layers = store.container.layers
    store.run(containers=[store.workload(layers=layers, service_statuses=down)])
    assert container_changes() == [("restart", "store")]


def test_services_do_not_start_with_half_of_the_files(store: Store, container_changes: ContainerChanges):
    store.deploy()
    container_changes.calls.clear()
    down = {"store": ops.pebble.ServiceStatus.ERROR}
    store.run(
        relations=[changed(store.relation, worker_config="a: 2")],
        containers=[store.workload(layers=store.container.layers, service_statuses=down)],
    )
    assert container_changes() == [("stop", "store"), ("push", CONFIG_FILE), ("restart", "store")]


def test_services_that_are_not_of_layer_are_left_alone(store: Store, container_changes: ContainerChanges):
    image = ops.pebble.Layer({"services": {"other": {"command": "x", "startup": "disabled"}}})
    store.deploy(containers=[store.workload(layers={"image": image})])
    assert container_changes("start", "stop", "restart") == [("restart", "store")]
    container_changes.calls.clear()
    store.run()
    assert container_changes() == []


def test_restart_that_was_cut_short_is_made_up_for(
    store: Store, container_changes: ContainerChanges, monkeypatch: pytest.MonkeyPatch
):
    store.deploy()

    def fail(*args: object, **kwargs: object):
        raise ops.pebble.ConnectionError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(ops.Container, "restart", fail)
        store.run(relations=[changed(store.relation, worker_config="a: 2")])
    assert store.services == {"store": "inactive"}
    container_changes.calls.clear()
    store.run()
    assert container_changes() == [("restart", "store")]


def test_ports_of_the_coordinator_are_opened(store: Store):
    store.deploy(cluster(worker_config="a: 1", worker_ports=[8080, 9095]))
    assert {port.port for port in store.state.opened_ports} == {8080, 9095}
    store.run(relations=[changed(store.relation, worker_ports=[8080])])
    assert {port.port for port in store.state.opened_ports} == {8080}


@pytest.mark.parametrize("remembers", [True, False], ids=["same pod", "new pod"])
@pytest.mark.parametrize("gone", ["relation", "roles", "configuration", "ports"])
def test_ports_are_closed_when_coordinator_names_them_no_longer(store: Store, gone: str, remembers: bool):
    state = store.deploy(cluster(worker_config="a: 1", worker_ports=[8080, 9095]))
    known = {"stored_states": state.stored_states} if remembers else {}
    if gone == "relation":
        store.run(store.ctx.on.relation_broken(store.relation), **known)
    elif gone == "roles":
        store.run(config={}, **known)
    else:
        offer = {"configuration": "worker_config", "ports": "worker_ports"}[gone]
        store.run(relations=[changed(store.relation, **{offer: None})], **known)
    assert store.state.opened_ports == set()


def test_ports_stay_open_while_coordinator_writes_nonsense(store: Store):
    store.deploy(cluster(worker_config="a: 1", worker_ports=[8080]))
    store.run(relations=[changed(store.relation, worker_labels=7)])
    assert {port.port for port in store.state.opened_ports} == {8080}


@pytest.mark.parametrize("none", [0, 70000, -1, "8080", True, 1.5, None, [8080], 10**30, "80;81"], ids=str)
def test_port_that_is_none_is_ignored(store: Store, none: object):
    state = store.deploy(cluster(worker_config="a: 1", worker_ports=[8080, none]))
    assert {port.port for port in store.state.opened_ports} == {8080}
    assert "ignored: worker_ports['1']: " in state.unit_status.message


def test_ports_that_are_none_are_named(store: Store):
    state = store.deploy(cluster(worker_config="a: 1", worker_ports=[8080, 0, "x"]))
    assert state.unit_status.message == "api ready. (ignored: worker_ports['1']; worker_ports['2'])"


@pytest.mark.parametrize("nonsense", [{}, {"a": 80}, "8080", 8080], ids=str)
def test_ports_stay_open_while_their_list_is_none(store: Store, nonsense: object):
    store.deploy(cluster(worker_config="a: 1", worker_ports=[8080]))
    store.run(relations=[changed(store.relation, worker_ports=nonsense)])
    assert {port.port for port in store.state.opened_ports} == {8080}


def test_ports_that_juju_refuses_are_opened_later(store: Store):
    store.deploy(cluster(worker_config="a: 1"))
    with pytest.MonkeyPatch.context() as patch:
        refuse_tools(patch, "open_port")
        state = store.run(relations=[changed(store.relation, worker_ports=[8080])])
        assert store.services == {"store": "active"}
    store.run(stored_states=state.stored_states)
    assert {port.port for port in store.state.opened_ports} == {8080}


def test_ports_that_charm_opens_itself_are_left_alone(store: Store):
    """As charms do that also support coordinators of releases which named none."""
    state = store.deploy()
    own = {testing.TCPPort(3100)}
    state = store.run(opened_ports=own, stored_states=state.stored_states)
    assert state.opened_ports == own
    named = [changed(store.relation, worker_ports=[3100, 8080])]
    state = store.run(relations=named, stored_states=state.stored_states)
    assert {port.port for port in state.opened_ports} == {3100, 8080}


class OwnPortsCharm(StoreCharm):
    """Opens a port of its own while the coordinator names none, as the charms of Tempo and Loki do."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        if not self.worker.cluster.get_worker_ports():
            self.unit.set_ports(3100)


def test_charms_own_ports_stay_open_without_coordinators(tmp_path: Path):
    store = Store(tmp_path, OwnPortsCharm)
    state = store.deploy()
    assert opened(state) == {3100}
    named = [changed(store.relation, worker_ports=[3100, 8080])]
    state = store.run(relations=named, stored_states=state.stored_states)
    assert opened(state) == {3100, 8080}
    broken = store.ctx.on.relation_broken(store.relation)
    assert opened(store.run(broken, stored_states=state.stored_states)) == {3100}


def opened(state: testing.State) -> set[int | None]:
    return {port.port for port in state.opened_ports}


def test_container_that_is_not_up_closes_no_port(store: Store):
    store.deploy(cluster(worker_config="a: 1", worker_ports=[8080]))
    store.run(containers=[store.workload(can_connect=False)])
    assert {port.port for port in store.state.opened_ports} == {8080}


@pytest.mark.parametrize("gone", ["relation", "roles", "configuration"])
def test_without_what_it_needs_worker_stops_and_forgets(
    store: Store, client: Client, container_changes: ContainerChanges, gone: str
):
    offer = {"ca_cert": "CA", "s3_tls_ca_chain": "S3", "worker_labels": PART_OF}
    store.deploy(cluster(worker_config="a: 1", **offer))
    container_changes.calls.clear()
    if gone == "relation":
        store.run(store.ctx.on.relation_broken(store.relation))
    elif gone == "roles":
        store.run(config={})
    else:
        store.run(relations=[changed(store.relation, worker_config=None)])
    assert store.services == {"store": "inactive"}
    assert container_changes()[0] == ("stop", "store")
    assert store.file(CONFIG_FILE) is None
    assert list(store.path(CONFIG_FILE).parent.iterdir()) == []
    assert list(store.path("/usr/local/share/ca-certificates/ca.crt").parent.iterdir()) == []
    metadata = pod_template(client, "m", "store").metadata
    assert metadata
    assert (PART_OF.items() <= (metadata.labels or {}).items()) == (gone == "roles")
    container_changes.calls.clear()
    store.run(relations=[] if gone == "relation" else store.state.relations)
    assert container_changes() == []


@pytest.mark.parametrize("knows_app", [True, False], ids=["of its own", "of another"])
def test_coordinator_that_is_gone_for_juju_only_stops_nothing(
    store: Store,
    client: Client,
    container_changes: ContainerChanges,
    knows_app: bool,
    monkeypatch: pytest.MonkeyPatch,
):
    store.deploy(cluster(worker_config="a: 1", worker_labels=PART_OF, worker_ports=[8080]))
    container_changes.calls.clear()
    lose_relations(monkeypatch, store.relation.id, knows_app=knows_app)
    store.run()
    assert container_changes() == []
    assert store.services == {"store": "active"}
    assert {port.port for port in store.state.opened_ports} == {8080}
    metadata = pod_template(client, "m", "store").metadata
    assert metadata
    assert PART_OF.items() <= (metadata.labels or {}).items()
    assert "relation not found" in store.status.message


class OneUnit(Worker):
    @property
    def _worker_config(self) -> dict[str, Any]:
        config = super()._worker_config
        config["unit"] = self._charm.unit.name
        return config


class OneUnitCharm(StoreCharm):
    worker_type = OneUnit


def test_subclass_can_change_configuration(tmp_path: Path, container_changes: ContainerChanges):
    store = Store(tmp_path, OneUnitCharm)
    store.deploy()
    assert store.file(CONFIG_FILE) == "a: 1\nunit: store/0\n"
    container_changes.calls.clear()
    store.run()
    assert container_changes() == []


def test_subclass_keeps_a_configuration_that_is_no_mapping(tmp_path: Path):
    store = Store(tmp_path, OneUnitCharm)
    store.deploy()
    store.run(relations=[changed(store.relation, worker_config="a: !!bool x")])
    assert isinstance(store.status, ops.BlockedStatus)
    assert "worker_config: not YAML" in store.status.message
    assert store.file(CONFIG_FILE) == "a: 1\nunit: store/0\n"
    assert store.services == {"store": "active"}


def test_subclass_can_override_is_ready(tmp_path: Path):
    class Patient(Worker):
        def is_ready(self) -> bool:
            return super().is_ready() and "b" in self.cluster.get_worker_config()

    class Charm(StoreCharm):
        worker_type = Patient

    store = Store(tmp_path, Charm)
    store.deploy()
    assert store.services == {}
    store.run(relations=[changed(store.relation, worker_config="b: 1")])
    assert store.services == {"store": "active"}


def test_services_find_models_proxies(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JUJU_CHARM_HTTP_PROXY", "http://proxy:3128")
    monkeypatch.setenv("JUJU_CHARM_NO_PROXY", "localhost")
    store.deploy()
    environment = store.container.plan.services["store"].environment
    assert environment["http_proxy"] == environment["HTTP_PROXY"] == "http://proxy:3128"
    assert environment["no_proxy"] == environment["NO_PROXY"] == "localhost"
    assert "https_proxy" not in environment


def test_version_of_the_workload_is_set(store: Store):
    store.deploy()
    assert store.state.workload_version == ""
    store.run(store.ctx.on.pebble_ready(store.container))
    assert store.state.workload_version == "1.2.3"


def test_version_that_juju_refuses_stops_nothing(store: Store, monkeypatch: pytest.MonkeyPatch):
    store.deploy()
    refuse_tools(monkeypatch, "application_version_set")
    store.run(store.ctx.on.pebble_ready(store.container))
    assert store.status.name == "active"
    assert any("permission denied" in line.message for line in store.ctx.juju_log)


@pytest.mark.parametrize("output", ["version --help", "version: \x1b[1m2", "version \0", "x"])
def test_version_that_is_none_is_ignored(store: Store, output: str):
    execs = {testing.Exec(["update-ca-certificates"]), testing.Exec(["/bin/store"], stdout=output)}
    store.deploy(containers=[store.workload(execs=execs)])
    store.run(store.ctx.on.pebble_ready(store.container))
    assert store.state.workload_version == ""


def test_workload_without_version_runs(store: Store):
    store.deploy(containers=[store.workload(execs=set())])
    store.run(store.ctx.on.pebble_ready(store.container))
    assert store.state.workload_version == ""
    assert isinstance(store.status, ops.ActiveStatus)


def test_charm_can_restart_and_stop_its_services(store: Store, container_changes: ContainerChanges):
    store.deploy()
    with store.ctx(store.ctx.on.update_status(), store.state) as manager:
        worker = manager.charm.worker
        container_changes.calls.clear()
        assert worker.restart() is True
        assert container_changes() == [("restart", "store")]
        worker.stop()
        assert not worker._container.get_service("store").is_running()
        assert worker.running_version() == "1.2.3"


@pytest.mark.parametrize("missing", [{"relation": cluster()}, {"config": {}}])
def test_restart_needs_configuration_and_role(
    store: Store, container_changes: ContainerChanges, missing: dict[str, Any]
):
    store.deploy()
    container_changes.calls.clear()
    without = testing.State(
        config=missing.get("config", store.state.config),
        relations=[missing.get("relation", store.relation)],
        containers=[store.container],
    )
    if "relation" in missing:
        store.path(CONFIG_FILE).unlink()
    with store.ctx(store.ctx.on.update_status(), without) as manager:
        assert manager.charm.worker.restart() is False
        assert container_changes("restart") == []


def test_layer_of_the_charm_is_not_modified(tmp_path: Path):
    layer = ops.pebble.Layer({"services": {"store": {"override": "replace", "command": "/bin/store"}}})

    class Constant(StoreCharm):
        readiness_check_endpoint = "http://127.0.0.1:9/ready"

        def layer(self, worker: Worker) -> ops.pebble.Layer:
            return layer

    store = Store(tmp_path, Constant)
    store.deploy()
    assert "ready" in store.container.plan.checks
    assert layer.checks == {}


@pytest.mark.parametrize("event", ["stop", "remove"])
def test_unit_on_its_way_out_makes_nothing_right_any_more(
    store: Store, container_changes: ContainerChanges, kubernetes: KubernetesServer, event: str
):
    store.deploy()
    container_changes.calls.clear()
    kubernetes.requests.clear()
    store.run(getattr(store.ctx.on, event)(), relations=[changed(store.relation, worker_config="a: 2")])
    assert container_changes() == []
    assert kubernetes.requests == []


def test_unit_that_is_scaled_down_serves_until_the_end(
    store: Store, container_changes: ContainerChanges, monkeypatch: pytest.MonkeyPatch
):
    """Juju reports its relations as broken meanwhile."""
    store.deploy()
    container_changes.calls.clear()
    departing = property(lambda event: event.framework.model.get_unit("store/0"))
    monkeypatch.setattr(ops.RelationDepartedEvent, "departing_unit", departing, raising=False)
    state = store.run(store.ctx.on.relation_departed(store.relation, remote_unit=0), planned_units=1)
    broken = store.ctx.on.relation_broken(store.relation)
    store.run(broken, planned_units=1, stored_states=state.stored_states)
    assert container_changes() == []
    assert store.services == {"store": "active"}


def test_every_event_ends_in_the_same(store: Store):
    store.deploy(containers=[store.workload(can_connect=False)])
    assert store.services == {}
    up = store.workload()
    store.run(store.ctx.on.pebble_ready(up), containers=[up])
    assert store.services == {"store": "active"}
    assert isinstance(store.status, ops.ActiveStatus)


@pytest.mark.parametrize("configuration", ["a: 1", ["nonsense"]], ids=str)
def test_requests_and_limits_are_set(store: Store, client: Client, configuration: object):
    relation = cluster(worker_config=configuration)
    store.deploy(relation, config={"role-api": True, "memory_limit": "1Gi"})
    spec = pod_template(client, "m", "store").spec
    assert spec
    [resources] = [container.resources for container in spec.containers if container.name == "store"]
    assert resources
    assert resources.requests == {"cpu": "50m", "memory": "100Mi"}
    assert resources.limits == {"memory": "1Gi"}


def test_container_whose_charm_requests_nothing_is_left_alone(tmp_path: Path, client: Client):
    class Unlimited(StoreCharm):
        options = MappingProxyType({})

    (tmp_path / "disk").mkdir()
    store = Store(tmp_path / "disk", Unlimited)
    store.deploy(cluster(worker_config="a: 1"), config={"role-api": True, "memory_limit": "1Gi"})
    spec = pod_template(client, "m", "store").spec
    assert spec
    [resources] = [container.resources for container in spec.containers if container.name == "store"]
    assert resources == ResourceRequirements()
