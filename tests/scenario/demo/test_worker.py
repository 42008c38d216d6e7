import json
import os
import sys
from pathlib import Path

import pytest
from ops import pebble, testing

from coordinated_workers.readiness import Readiness, ServiceEndpointStatus
from tests.scenario.demo.key_value_model import (
    MODEL,
    WORKER,
    app_data,
    coordinator_of,
    fqdn,
    worker_context,
    worker_state,
)
from tests.support import workload_process as processes

CONFIG = json.dumps({"port": 8080, "stores": [], "tls": None, "telemetry": {}})
PROGRAM = "opt/demo-worker/workload.pyz"


@pytest.fixture(autouse=True)
def on_the_worker(on_host):
    on_host(fqdn(WORKER))


@pytest.fixture(autouse=True)
def the_program_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were one: these tests start no processes."""
    ready = Readiness(ServiceEndpointStatus.up)
    monkeypatch.setattr("coordinated_workers.worker.probe", lambda *_, **__: ready)


def published(**data: str) -> testing.Relation:
    return coordinator_of({"worker_config": json.dumps(CONFIG), "worker_ports": "[8080]", **data})


def run(*relations: testing.RelationBase, event: str = "update_status", **kwargs) -> testing.State:
    context = worker_context()
    return context.run(getattr(context.on, event)(), worker_state(*relations, **kwargs))


def service(state: testing.State) -> pebble.Service:
    return state.get_container("worker").plan.services["worker"]


def test_worker_with_role_and_configuration_is_active():
    assert run(published()).unit_status == testing.ActiveStatus("(all roles) ready.")
    both = run(published(), config={"role-api": True, "role-store": True})
    assert both.unit_status == testing.ActiveStatus("api,store ready.")


def test_status_names_what_is_missing():
    assert "coordinator" in run().unit_status.message
    assert "role" in run(published(), config={}).unit_status.message
    nothing_yet = run(coordinator_of({})).unit_status
    assert isinstance(nothing_yet, testing.WaitingStatus)
    assert "configuration" in nothing_yet.message


def test_container_that_is_not_up_is_waited_for():
    status = run(published(), containers={testing.Container("worker", can_connect=False)}).unit_status
    assert isinstance(status, testing.WaitingStatus)
    assert "container worker" in status.message


@pytest.mark.parametrize(
    ("config", "role"),
    [
        ({"role-all": True}, "all"),
        ({"role-api": True}, "api"),
        ({"role-api": True, "role-store": True}, "api,store"),
    ],
)
def test_program_runs_in_roles_of_configuration(config, role):
    cluster = published()
    state = run(cluster, config=config)
    assert service(state).command.endswith(f"--config /etc/worker/config.yaml --roles {role}")
    assert json.loads(app_data(state, cluster)["role"]) == role


def test_program_has_its_topology():
    environment = service(run(published())).environment
    assert {name: value for name, value in environment.items() if name.startswith("JUJU_")} == {
        "JUJU_MODEL": MODEL.name,
        "JUJU_MODEL_UUID": MODEL.uuid,
        "JUJU_APPLICATION": WORKER,
        "JUJU_UNIT": f"{WORKER}/0",
        "JUJU_CHARM": "demo-worker-k8s",
    }


def test_program_and_configuration_are_pushed():
    context = worker_context()
    state = context.run(context.on.update_status(), worker_state(published()))
    filesystem = state.get_container("worker").get_filesystem(context)
    assert (filesystem / PROGRAM).read_bytes() == processes.program().read_bytes()
    assert (filesystem / "etc/worker/config.yaml").read_text() == CONFIG


def test_program_that_is_there_is_not_pushed_again(tmp_path: Path):
    mount = testing.Mount(location="/opt/demo-worker", source=tmp_path)
    container = testing.Container("worker", can_connect=True, mounts={"program": mount})
    first = run(published(), containers={container})
    program = tmp_path / "workload.pyz"
    os.utime(program, (1, 1))
    second = run(published(), containers={container})
    assert program.stat().st_mtime == 1
    assert second.get_container("worker").plan == first.get_container("worker").plan


def test_program_is_there_before_there_is_anything_to_run():
    context, container = worker_context(), testing.Container("worker", can_connect=True)
    state = context.run(context.on.pebble_ready(container), worker_state(containers={container}))
    assert (state.get_container("worker").get_filesystem(context) / PROGRAM).exists()
    assert not state.get_container("worker").plan.services


def test_another_revision_of_program_is_run_from_then_on(monkeypatch: pytest.MonkeyPatch):
    before = run(published())
    program = sys.modules["kv_program"]
    monkeypatch.setattr(program, "PROGRAM", b"another revision")
    context = worker_context()
    after = context.run(context.on.upgrade_charm(), before)
    filesystem = after.get_container("worker").get_filesystem(context)
    assert (filesystem / PROGRAM).read_bytes() == b"another revision"
    assert service(after).environment["PROGRAM_SHA256"] != service(before).environment["PROGRAM_SHA256"]


def test_pebble_checks_that_program_answers():
    check = run(published()).get_container("worker").plan.checks["ready"]
    assert check.http == {"url": f"http://{fqdn(WORKER)}:8080/healthz"}


def test_worker_may_have_ipv6_address(on_host):
    on_host("fd00::1")
    check = run(published()).get_container("worker").plan.checks["ready"]
    assert check.http == {"url": "http://[fd00::1]:8080/healthz"}


def test_with_certificates_readiness_uses_tls():
    key = testing.Secret({"private-key": "KEY"}, owner=None)
    pems = {name: json.dumps("PEM") for name in ("ca_cert", "server_cert")}
    state = run(published(privkey_secret_id=json.dumps(key.id), **pems), secrets={key})
    check = state.get_container("worker").plan.checks["ready"]
    assert check.http == {"url": f"https://{fqdn(WORKER)}:8080/healthz"}


def test_pebble_gives_program_time_that_it_needs_to_end():
    workload = sys.modules["kv_workload"]
    delay = service(run(published())).to_dict()["kill-delay"]
    assert int(delay.removesuffix("s")) > workload.DRAIN_SECONDS + workload.FLUSH_SECONDS


def test_version_is_programs():
    container = testing.Container("worker", can_connect=True)
    context = worker_context()
    state = context.run(context.on.pebble_ready(container), worker_state(containers={container}))
    assert state.workload_version == sys.modules["kv_workload"].VERSION


def test_ports_are_those_of_the_coordinator():
    assert run(published()).opened_ports == {testing.TCPPort(8080)}


def test_without_its_coordinator_program_stops():
    cluster, context = published(), worker_context()
    before = context.run(context.on.update_status(), worker_state(cluster))
    assert before.get_container("worker").service_statuses["worker"] == pebble.ServiceStatus.ACTIVE
    after = context.run(context.on.relation_broken(before.get_relation(cluster.id)), before)
    assert after.get_container("worker").service_statuses["worker"] == pebble.ServiceStatus.INACTIVE


def test_followers_run_and_publish_no_roles():
    cluster = published()
    state = run(cluster, leader=False)
    assert state.unit_status == testing.ActiveStatus("(all roles) ready.")
    assert app_data(state, cluster) == {}


@pytest.mark.parametrize("option", ["cpu-limit", "memory-limit"])
@pytest.mark.parametrize("limit", ["much", " ", "-1", "1Gi,2Gi", "1gi"])
def test_limit_that_does_not_parse_is_named_with_remedy(option, limit):
    status = run(published(), config={"role-all": True, option: limit}).unit_status
    expected = f"{limit!r} is not a quantity of Kubernetes: juju config {WORKER} {option}=…"
    assert status == testing.BlockedStatus(f"config {option}: {expected}")
