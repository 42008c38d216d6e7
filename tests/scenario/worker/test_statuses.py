"""Statuses of a worker, with their remedies."""

import dataclasses
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import ops
import pytest
from ops import testing

from coordinated_workers.worker import (
    NoReadinessCheckEndpointConfiguredError,
    ServiceEndpointStatus,
    Worker,
    WorkerError,
)
from sandbox.kubernetes import KubernetesServer
from tests.scenario.worker.conftest import Store, changed, cluster
from tests.scenario.worker.store_charm import ACTIONS, META, StoreCharm

SPAWNED = "2025-01-02T03:04:05Z"


class Workload(http.server.BaseHTTPRequestHandler):
    """Returns the content of `answer`."""

    answer: tuple[int, str] = (200, "ready\n")

    def do_GET(self):
        code, text = self.answer
        self.send_response(code)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def workload() -> Iterator[type[Workload]]:
    handler = type("OneWorkload", (Workload,), {})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        handler.url = f"http://127.0.0.1:{server.server_port}/ready"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield handler
        server.shutdown()
        thread.join()


@pytest.fixture
def checked(workload: type[Workload], tmp_path: Path) -> Store:
    """The application with a workload that answers."""
    return Store(tmp_path, type("Checked", (StoreCharm,), {"readiness_check_endpoint": workload.url}))


@pytest.mark.parametrize("leader", [True, False])
def test_a_worker_with_all_it_needs_is_active_with_its_roles(store: Store, leader: bool):
    store.deploy(leader=leader, config={"role-disk": True, "role-api": True})
    assert store.status == ops.ActiveStatus("disk,api ready.")
    store.run(config={"role-all": True})
    assert store.status == ops.ActiveStatus("(all roles) ready.")


@pytest.mark.parametrize("leader", [True, False])
def test_missing_coordinator_blocks(store: Store, leader: bool):
    store.deploy(leader=leader, relations=[])
    assert isinstance(store.status, ops.BlockedStatus)
    assert "store:store-cluster" in store.status.message


def test_two_coordinators_block_and_the_first_applies(store: Store):
    relations = [cluster(worker_config="a: 1"), cluster(worker_config="a: 2")]
    store.deploy(relations=relations)
    assert isinstance(store.status, ops.BlockedStatus)
    assert "2 coordinators" in store.status.message
    assert store.file("/etc/worker/config.yaml") == "a: 1"


def test_missing_role_blocks_with_command(store: Store):
    store.deploy(config={})
    assert isinstance(store.status, ops.BlockedStatus)
    assert "juju config store role-all=true" in store.status.message


def test_missing_configuration_waits(store: Store):
    store.deploy(cluster())
    assert store.status == ops.WaitingStatus("waiting for the coordinator's configuration")


def test_missing_container_waits(store: Store):
    store.deploy(containers=[store.workload(can_connect=False)])
    assert store.status == ops.WaitingStatus("waiting for container store")


def test_invalid_coordinator_data_block_and_stop_nothing(store: Store):
    store.deploy()
    store.run(relations=[changed(store.relation, worker_config=["a"])])
    assert isinstance(store.status, ops.BlockedStatus)
    assert "worker_config" in store.status.message
    assert store.file("/etc/worker/config.yaml") == "a: 1"
    assert store.services == {"store": "active"}


def test_ignored_part_of_an_offer_is_named(store: Store):
    relation = cluster(
        worker_config="a: 1", worker_labels={"app.kubernetes.io/part-of": "kv", "not ok": "no"}
    )
    store.deploy(relation)
    assert isinstance(store.status, ops.ActiveStatus)
    assert "worker_labels['not ok']" in store.status.message


def test_a_private_key_that_can_not_be_read_is_waited_for(store: Store):
    offer = {"ca_cert": "CA", "server_cert": "CERT", "privkey_secret_id": "secret:d4v5c6b7n8m9a1s2d3f4"}
    store.deploy(cluster(worker_config="a: 1", **offer))
    assert isinstance(store.status, ops.WaitingStatus)
    assert "private key" in store.status.message
    assert store.file("/etc/worker/server.cert") is None
    assert store.services == {}


def test_a_secret_without_a_private_key_is_waited_for(store: Store):
    secret = testing.Secret({"something": "else"})
    relation = cluster(worker_config="a: 1", privkey_secret_id=secret.id)
    store.deploy(relation, secrets=[secret])
    assert isinstance(store.status, ops.WaitingStatus)
    assert "private key" in store.status.message


def test_charm_whose_layer_raises_is_blocked(tmp_path: Path):
    class Failing(StoreCharm):
        def layer(self, worker: Worker) -> ops.pebble.Layer:
            raise KeyError("of the charm")

    store = Store(tmp_path, Failing)
    store.deploy()
    assert isinstance(store.status, ops.BlockedStatus)
    assert "juju debug-log" in store.status.message
    assert store.file("/etc/worker/config.yaml") is None


def test_service_that_fails_to_start_is_retried(store: Store, monkeypatch: pytest.MonkeyPatch):
    tries: list[tuple[str, ...]] = []

    def fail(container: ops.Container, *names: str) -> None:
        tries.append(names)
        text = 'cannot perform the following tasks:\n- Start service "store" (exited quickly with code 1)'
        change = {"id": "1", "kind": "start", "summary": "", "status": "Error", "ready": True, "tasks": []}
        raise ops.pebble.ChangeError(text, ops.pebble.Change.from_dict({**change, "spawn-time": SPAWNED}))

    with monkeypatch.context() as patched:
        for verb in ("start", "restart"):
            patched.setattr(ops.Container, verb, fail)
        store.deploy()
        assert isinstance(store.status, ops.WaitingStatus)
        assert "exited quickly with code 1" in store.status.message
        store.run()
        assert len(tries) == 2
    store.run()
    assert isinstance(store.status, ops.ActiveStatus)


def test_a_container_that_goes_away_in_the_middle_is_waited_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    def fail(*args: object, **kwargs: object) -> None:
        raise ops.pebble.ConnectionError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(ops.Container, "push", fail)
        store.deploy()
    assert isinstance(store.status, ops.WaitingStatus)
    assert "container store" in store.status.message
    store.run()
    assert isinstance(store.status, ops.ActiveStatus)


def test_workload_that_answers_ready_is_ready(checked: Store, workload: type[Workload]):
    checked.deploy()
    assert isinstance(checked.status, ops.ActiveStatus)
    check = checked.container.plan.checks["ready"]
    assert check.http == {"url": workload.url}
    assert check.threshold == 3
    assert check.level is ops.pebble.CheckLevel.READY


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, "Starting: 1\nRunning: 16"), "starting: Starting: 1"),
        ((503, "Ingester not ready"), "starting: it answered 503 Ingester not ready"),
        ((500, ""), "down: it answered 500"),
        ((404, "what?"), "down: it answered 404 what?"),
    ],
)
def test_reason_of_a_failed_check_is_shown(
    checked: Store, workload: type[Workload], answer: tuple[int, str], words: str
):
    workload.answer = answer
    checked.deploy()
    fail_check(checked)
    assert checked.status == ops.WaitingStatus(words)


def test_a_workload_that_does_not_answer_is_waited_for(tmp_path: Path):
    nobody = type("Nobody", (StoreCharm,), {"readiness_check_endpoint": "http://127.0.0.1:9/ready"})
    store = Store(tmp_path, nobody)
    store.deploy()
    assert isinstance(store.status, ops.ActiveStatus)
    fail_check(store)
    assert isinstance(store.status, ops.WaitingStatus)
    assert store.status.message.startswith("down: no answer from http://127.0.0.1:9/ready")


def test_a_check_that_recovers_makes_the_worker_active_again(checked: Store, workload: type[Workload]):
    checked.deploy()
    workload.answer = (503, "busy")
    info = fail_check(checked)
    assert isinstance(checked.status, ops.WaitingStatus)
    workload.answer = (200, "ready")
    failing = checked.container
    checked.run(checked.ctx.on.pebble_check_recovered(failing, info))
    assert isinstance(checked.status, ops.ActiveStatus)


def fail_check(store: Store) -> testing.CheckInfo:
    """Have Pebble's readiness check reach its threshold."""
    info = testing.CheckInfo(
        "ready", level=ops.pebble.CheckLevel.READY, failures=3, status=ops.pebble.CheckStatus.DOWN
    )
    failing = store.workload(
        layers=store.container.layers,
        service_statuses=store.container.service_statuses,
        check_infos={info},
    )
    store.run(store.ctx.on.pebble_check_failed(failing, info), containers=[failing])
    return info


def test_a_limit_that_is_none_blocks_but_the_worker_runs(store: Store):
    store.deploy(config={"role-api": True, "cpu_limit": "plenty"})
    assert isinstance(store.status, ops.BlockedStatus)
    assert "cpu_limit" in store.status.message
    assert store.services == {"store": "active"}


@pytest.mark.kubernetes
def test_missing_permission_is_shown(store: Store, kubernetes: KubernetesServer):
    kubernetes.access.deny(users=["store"])
    relation = cluster(worker_config="a: 1", worker_labels={"app.kubernetes.io/part-of": "kv"})
    store.deploy(relation)
    assert isinstance(store.status, ops.BlockedStatus)
    assert "juju trust store --scope=cluster" in store.status.message
    assert store.services == {"store": "active"}


@pytest.mark.kubernetes
def test_an_action_does_not_hide_what_is_wrong(store: Store, kubernetes: KubernetesServer):
    kubernetes.access.deny(users=["store"])
    store.deploy(cluster(worker_config="a: 1", worker_labels={"app.kubernetes.io/part-of": "kv"}))
    store.run(store.ctx.on.action("flush"))
    assert store.ctx.action_results == {"flushed": "all"}
    assert isinstance(store.status, ops.BlockedStatus)


def test_a_charm_without_role_options_is_an_error_of_the_charm():
    ctx = testing.Context(
        StoreCharm, META, config={"options": {"role": {"type": "boolean"}}}, actions=ACTIONS
    )
    with pytest.raises(testing.errors.UncaughtCharmError) as raised:
        ctx.run(ctx.on.install(), testing.State())
    assert isinstance(raised.value.__cause__, WorkerError)


def test_role_options_need_no_default():
    options = {"options": {"role-api": {"type": "boolean"}, "cpu_limit": {"type": "string"}}}
    ctx = testing.Context(StoreCharm, META, config=options, actions=ACTIONS, app_name="store")
    status = ctx.run(ctx.on.install(), testing.State(containers=[testing.Container("store")])).unit_status
    assert "no role" in status.message or "no coordinator" in status.message


def test_requests_need_a_container_to_be_for():
    class Nameless(ops.CharmBase):
        def __init__(self, framework: ops.Framework):
            super().__init__(framework)
            Worker(
                self,
                name="store",
                pebble_layer=lambda _: ops.pebble.Layer(),
                endpoints={"cluster": "store-cluster"},
                resources_requests=lambda _: {"cpu": "50m"},
            )

    ctx = testing.Context(Nameless, META, config={"options": {"role-all": {"type": "boolean"}}})
    with pytest.raises(testing.errors.UncaughtCharmError) as raised:
        ctx.run(ctx.on.install(), testing.State())
    assert isinstance(raised.value.__cause__, ValueError)


def test_first_hooks_wait_for_coordinator(store: Store):
    on = store.ctx.on
    store.deploy(event=on.install(), relations=[])
    for event in (on.leader_elected(), on.config_changed()):
        store.run(event, stored_states=store.state.stored_states)
        assert isinstance(store.status, ops.WaitingStatus)
        assert "store:store-cluster" in store.status.message
    store.run(on.start(), stored_states=store.state.stored_states)
    assert isinstance(store.status, ops.BlockedStatus)


def test_its_status_fits_into_a_line(store: Store):
    labels = {f"not ok {number}": "no" for number in range(20)}
    store.deploy(cluster(worker_config="a: 1", worker_labels=labels))
    assert len(store.status.message) <= 100
    assert "more)" in store.status.message


@pytest.mark.parametrize(
    ("service", "expected"),
    [("active", ServiceEndpointStatus.up), ("error", ServiceEndpointStatus.down)],
)
def test_status_of_the_services(store: Store, service: str, expected: ServiceEndpointStatus):
    store.deploy()
    statuses = {"store": ops.pebble.ServiceStatus(service)}
    container = dataclasses.replace(store.container, service_statuses=statuses)
    state = dataclasses.replace(store.state, containers=[container])
    with store.ctx(store.ctx.on.update_status(), state) as manager:
        assert manager.charm.worker.status is expected


def test_status_while_the_container_is_not_up(store: Store):
    store.deploy(containers=[store.workload(can_connect=False)])
    with store.ctx(store.ctx.on.update_status(), store.state) as manager:
        assert manager.charm.worker.status is ServiceEndpointStatus.down


def test_status_while_pebble_does_not_answer(store: Store, monkeypatch: pytest.MonkeyPatch):
    def lost(*_: object) -> None:
        raise ops.pebble.ConnectionError("lost")

    store.deploy()
    with store.ctx(store.ctx.on.update_status(), store.state) as manager, monkeypatch.context() as patch:
        patch.setattr(ops.Container, "get_services", lost)
        assert manager.charm.worker.status is ServiceEndpointStatus.down


def test_readiness_is_unknown_without_an_endpoint(store: Store):
    store.deploy()
    with (
        store.ctx(store.ctx.on.update_status(), store.state) as manager,
        pytest.raises(NoReadinessCheckEndpointConfiguredError),
    ):
        manager.charm.worker.check_readiness()
