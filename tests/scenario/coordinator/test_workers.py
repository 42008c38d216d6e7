"""Data for workers in the cluster relation."""

import json
import socket

import pytest
import yaml
from ops import testing

from coordinated_workers.coordinator import Coordinator
from coordinated_workers.service_mesh import solution_labels
from tests.scenario.coordinator.field_cluster import (
    HOST,
    MESH_LABELS,
    Cluster,
    address,
    local,
    loki,
    mesh,
    published,
    store,
    workers,
)


def test_workers_get_configuration(cluster: Cluster):
    relation = workers(units=2)
    config = yaml.safe_load(published(cluster.run(relation, store()), relation)["worker_config"])
    assert config["app"] == "field"
    assert config["url"] == "http://field.example"
    assert config["ingesters"] == [address("worker", 0), address("worker", 1)]


def test_each_worker_application_opens_ports_of_its_roles(cluster: Cluster):
    querier, ingester = workers("q", "querier"), workers("i", "ingester")
    state = cluster.run(querier, ingester, store())
    assert published(state, querier)["worker_ports"] == [3100]
    assert published(state, ingester)["worker_ports"] == [3100, 4000]


def test_missing_offers_are_not_published(cluster: Cluster):
    relation = workers()
    sent = published(cluster.run(relation, store()), relation)
    assert not {"ca_cert", "server_cert", "privkey_secret_id", "s3_tls_ca_chain"} & sent.keys()


def test_pods_are_part_of_cluster_without_mesh_too(cluster: Cluster):
    relation = workers()
    sent = published(cluster.run(relation, store()), relation)
    assert sent["worker_labels"] == {"app.kubernetes.io/part-of": "field"}


def test_pods_get_labels_of_mesh(cluster: Cluster):
    relation = workers()
    sent = published(cluster.run(relation, store(), mesh()), relation)
    assert sent["worker_labels"] == {"app.kubernetes.io/part-of": "field", **MESH_LABELS}


def test_name_too_long_for_label_is_cut():
    (one,) = solution_labels("a" * 80 + "1").values()
    (other,) = solution_labels("a" * 80 + "2").values()
    assert len(one) == 63
    assert one.startswith("a" * 50)
    assert one != other


def test_beacon_cannot_remove_pod_from_its_cluster(cluster: Cluster):
    relation = workers()
    beacon = mesh(labels=json.dumps({"app.kubernetes.io/part-of": "elsewhere"}))
    sent = published(cluster.run(relation, store(), beacon), relation)
    assert sent["worker_labels"] == {"app.kubernetes.io/part-of": "field"}


@pytest.mark.parametrize("missing", ["role", "store"])
def test_cluster_that_is_not_complete_gets_no_configuration(cluster: Cluster, missing: str):
    relation = workers(role="querier") if missing == "role" else workers()
    state = cluster.run(relation, *([] if missing == "store" else [store()]))
    assert local(state, relation).local_app_data == {}


def test_configuration_stays_while_store_is_gone(cluster: Cluster):
    relation = workers()
    before = published(cluster.run(relation, store()), relation)
    after = cluster.run(
        workers(local_app_data={key: json.dumps(value) for key, value in before.items()}, id=relation.id)
    )
    assert published(after, relation) == before


def test_only_the_leader_publishes_data(cluster: Cluster):
    relation = workers()
    assert local(cluster.run(relation, store(), leader=False), relation).local_app_data == {}


def test_charm_asks_for_its_cluster(cluster: Cluster):
    context = cluster.context
    state = cluster.state(workers("q", "querier"), workers("i", "ingester", units=3), store())
    with context(context.on.update_status(), state) as manager:
        coordinator = manager.charm.coordinator  # pyright: ignore[reportAttributeAccessIssue]
        assert coordinator.cluster.gather_roles() == {"querier": 1, "ingester": 3}
        assert coordinator.missing_roles == set()
        assert coordinator.is_coherent
        assert coordinator.is_recommended
        assert coordinator.can_handle_events
        assert coordinator.s3_connection_info.bucket == "field"
        assert not coordinator.tls_available
        assert coordinator.hostname == "field-0.field-endpoints.m.svc.cluster.local"
        assert coordinator.nginx.options["nginx_port"] == 8080
        assert coordinator.nginx_exporter.port == 9113


@pytest.mark.parametrize(
    ("hostname", "service"),
    [
        ("tempo-0.tempo-endpoints.m.svc.cluster.local", "app.model.svc.cluster.local"),
        ("tempo-0.tempo-endpoints.m.svc.my.domain", "app.model.svc.my.domain"),
        ("tempo-0.tempo-endpoints.m.svc", "app.model.svc"),
        ("localhost", "localhost"),
        ("10.1.2.3", "10.1.2.3"),
        ("svc.example", "svc.example"),
        ("", "app.model.svc.cluster.local"),
        (f"{'x' * 64}.svc.my.domain", "app.model.svc.cluster.local"),
    ],
)
def test_address_of_service_follows_from_that_of_unit(hostname: str, service: str):
    assert Coordinator.app_hostname(hostname, "app", "model") == service


@pytest.mark.parametrize(
    "name", ["", "x" * 64, "field-0.", "field..m", "fe80::1%eth0", "a b", "ä.test", "a\0"]
)
def test_machine_without_name_has_that_of_its_pod(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setattr(socket, "getfqdn", lambda *_: name)
    certificates = testing.Relation("certificates", remote_app_name="ca")
    relations = workers(units=2), store(), loki(), certificates
    with cluster.context(cluster.context.on.update_status(), cluster.state(*relations)) as manager:
        state = manager.run()
        assert manager.charm.coordinator.hostname == HOST
    assert isinstance(state.unit_status, testing.ActiveStatus)
