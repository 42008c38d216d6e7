import dataclasses
import json
from pathlib import Path

import ops
import pytest
from ops import testing

from tests.scenario.coordinator import field_coordinator
from tests.scenario.coordinator.field_cluster import (
    APP,
    CONTAINERS,
    Cluster,
    again,
    container,
    published,
    store,
    workers,
)

COMPLETE = (workers(units=2), store())


def test_complete_cluster_is_active(cluster: Cluster):
    assert cluster.run(*COMPLETE).unit_status == testing.ActiveStatus()


def test_without_workers_the_relation_is_named(cluster: Cluster):
    status = cluster.run(store()).unit_status
    assert status == testing.BlockedStatus(f"no workers: juju integrate {APP}:field-cluster WORKER")


def test_missing_role_is_named(cluster: Cluster):
    status = cluster.run(store(), workers(role="querier")).unit_status
    assert status == testing.BlockedStatus("no worker has the role ingester")


def test_roles_may_be_spread_over_worker_applications(cluster: Cluster):
    state = cluster.run(store(), workers("q", "querier"), workers("i", "ingester", units=2))
    assert state.unit_status == testing.ActiveStatus()


def test_fewer_workers_than_recommended_are_remarked_on(cluster: Cluster):
    status = cluster.run(workers(), store()).unit_status
    assert isinstance(status, testing.ActiveStatus)
    assert "recommended" in status.message


def test_missing_object_store_blocks(cluster: Cluster):
    status = cluster.run(workers(units=2)).unit_status
    assert status == testing.BlockedStatus(f"no object store: juju integrate {APP}:s3 STORE")


def test_object_store_that_cannot_be_used_is_named(cluster: Cluster):
    status = cluster.run(workers(units=2), store(endpoint="not an endpoint")).unit_status
    assert isinstance(status, testing.BlockedStatus)
    assert "minio" in status.message
    assert "endpoint" in status.message


def test_most_severe_problem_is_first(cluster: Cluster):
    assert "field-cluster" in cluster.run().unit_status.message


@pytest.mark.parametrize("down", CONTAINERS)
def test_container_that_is_not_up_is_waited_for(cluster: Cluster, down: str):
    some = [container(name, can_connect=name != down) for name in CONTAINERS]
    status = cluster.run(*COMPLETE, containers=some).unit_status
    assert status == testing.WaitingStatus(f"waiting for container {down}")


@pytest.mark.parametrize("nowhere", ["no; address", "a..b", "a" * 70, "-a", "fe80::1%eth0", ""])
def test_worker_without_address_is_named_and_the_rest_works(cluster: Cluster, nowhere: str):
    good, bad = workers(units=2), workers("odd", "querier")
    bad.remote_units_data[0]["address"] = json.dumps(nowhere)
    state = cluster.run(good, bad, store())
    assert isinstance(state.unit_status, testing.ActiveStatus)
    assert "odd/0" in state.unit_status.message
    assert published(state, good)["worker_config"]


@pytest.mark.parametrize("leader", [True, False])
def test_units_that_do_not_lead_have_the_same_status(cluster: Cluster, leader: bool):
    assert cluster.run(*COMPLETE, leader=leader).unit_status == testing.ActiveStatus()


@pytest.mark.kubernetes
def test_missing_permission_is_shown_with_command(cluster: Cluster):
    cluster.server.access.deny()
    status = cluster.run(*COMPLETE).unit_status
    assert isinstance(status, testing.BlockedStatus)
    assert "juju trust field --scope=cluster" in status.message


@pytest.mark.kubernetes
@pytest.mark.parametrize("resource", ["authorizationpolicies", "configmaps", "statefulsets"])
def test_rejection_by_kubernetes_is_shown(cluster: Cluster, resource: str):
    cluster.server.access.deny(resources=[resource])
    status = cluster.run(*COMPLETE).unit_status
    assert isinstance(status, testing.BlockedStatus)
    assert "juju trust" in status.message


def test_kubernetes_out_of_reach_is_waited_for(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path):
    nowhere = tmp_path / "nowhere"
    nowhere.write_text(
        (tmp_path / "kubeconfig").read_text().replace(cluster.server.url, "http://127.0.0.1:9")
    )
    monkeypatch.setenv("KUBECONFIG", str(nowhere))
    assert isinstance(cluster.run(*COMPLETE).unit_status, testing.WaitingStatus)


@pytest.mark.parametrize("limit", ["lots", "-1", "1 Gi"])
def test_limit_that_is_none_is_refused(cluster: Cluster, limit: str):
    status = cluster.run(*COMPLETE, config={"memory_limit": limit}).unit_status
    assert isinstance(status, testing.BlockedStatus)
    assert "memory_limit" in status.message


@pytest.mark.parametrize(
    "status", [testing.BlockedStatus("what Kubernetes said"), testing.ErrorStatus(), testing.UnknownStatus()]
)
def test_action_leaves_status_as_it_is(cluster: Cluster, status: ops.StatusBase):
    before = cluster.state(*COMPLETE, unit_status=status)
    after = cluster.context.run(cluster.context.on.action("show"), before)
    assert cluster.context.action_results == {"seen": "yes"}
    assert after.unit_status == status


def test_rejected_nginx_configuration_is_reported(cluster: Cluster):
    state = cluster.run(*COMPLETE)
    refusing = testing.Exec(["nginx", "-s", "reload"], return_code=1, stderr="no such upstream")
    up = {
        dataclasses.replace(one, execs={refusing}) if one.name == "nginx" else one for one in state.containers
    }
    more = {workers("more", "querier"), *state.relations}
    status = cluster.run(state=again(state, containers=up, relations=more)).unit_status
    assert isinstance(status, testing.BlockedStatus)
    assert "no such upstream" in status.message


def test_backend_that_cannot_be_proxied_is_named(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(field_coordinator, "REMOTE_WRITE", "http://prometheus; root /")
    state = cluster.run(*COMPLETE)
    assert isinstance(state.unit_status, testing.ActiveStatus)
    assert "remote-write" in state.unit_status.message


def test_second_certificates_provider_is_one_too_many(cluster: Cluster):
    several = [testing.Relation("certificates", remote_app_name=name) for name in ("one", "two")]
    status = cluster.run(*COMPLETE, *several).unit_status
    assert isinstance(status, testing.BlockedStatus)
    assert "certificates" in status.message


def test_status_follows_what_is_there(cluster: Cluster):
    state = cluster.run(*COMPLETE)
    gone = again(state, relations={one for one in state.relations if one.endpoint != "s3"})
    assert isinstance(cluster.run(state=gone).unit_status, testing.BlockedStatus)


@pytest.mark.parametrize("endpoint", ["metrics-endpoint", "logging"])
def test_rules_that_backend_rejects_are_remarked_on(cluster: Cluster, endpoint: str):
    event = json.dumps({"valid": False, "errors": "group kv: parse error"})
    backend = testing.Relation(endpoint, remote_app_name="prom", remote_app_data={"event": event})
    status = cluster.run(store(), workers(units=2), backend).unit_status
    assert status == testing.ActiveStatus("prom rejected alert rules: group kv: parse error")
    log = [line.message for line in cluster.context.juju_log]
    assert log.count("prom rejected alert rules of field: group kv: parse error") == 1


def test_name_that_two_backends_have_is_remarked_on(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    url = "http://prometheus-0.prometheus-endpoints.{}:9090/token"
    monkeypatch.setattr(field_coordinator, "REMOTE_WRITE", url.format("one"))
    monkeypatch.setattr(field_coordinator, "MORE_REMOTE_WRITE", [url.format("two")] * 2)
    status = cluster.run(*COMPLETE).unit_status
    assert status == testing.ActiveStatus(
        "remote-write: another backend has the name of http://prometheus-0.prometheus-endpoints.two:9090"
    )


@pytest.mark.parametrize(
    ("endpoint", "file"),
    [
        ("metrics-endpoint", "prometheus_alert_rules/workers/broken.rules"),
        ("metrics-endpoint", "prometheus_alert_rules/nginx/broken.yaml"),
        ("logging", "loki_alert_rules/broken.rule"),
        ("grafana-dashboard", "grafana_dashboards/broken.json"),
    ],
)
def test_invalid_file_of_charm_is_remarked_on(
    cluster: Cluster, endpoint: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "src" / file
    path.parent.mkdir(parents=True)
    path.write_text("")
    related = (store(), workers(units=2), testing.Relation(endpoint, remote_app_name="cos"))
    status = cluster.run(*related).unit_status
    assert status.name == "active"
    assert status.message.startswith(f"invalid file {path.name} is not sent: ")
    assert cluster.run(*related, leader=False).unit_status == testing.ActiveStatus()
    path.write_text('{"alert": "Down", "expr": "up < 1"}')
    assert cluster.run(*related).unit_status == testing.ActiveStatus()


def test_first_hooks_wait_for_relations(cluster: Cluster):
    state = cluster.state()
    for event in ("install", "leader_elected", "config_changed"):
        state = cluster.run(state=state, event=event)
        assert isinstance(state.unit_status, testing.WaitingStatus), event
    assert isinstance(cluster.run(state=state, event="start").unit_status, testing.BlockedStatus)


def test_its_status_fits_into_line(cluster: Cluster):
    invalid = {unit: {**data, "address": "5"} for unit, data in workers(units=9).remote_units_data.items()}
    liars = dataclasses.replace(workers("liar"), remote_units_data=invalid)
    message = cluster.run(*COMPLETE, liars).unit_status.message
    assert len(message) <= 100
    assert message.endswith("more")
