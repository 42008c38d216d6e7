"""The workers' side of the cluster relation."""

import datetime
import json
from collections.abc import Callable, Mapping
from typing import Any

import ops
import pytest
import yaml
from ops import testing
from scenario import mocking

from coordinated_workers.interfaces.cluster import (
    ClusterRequirer,
    DatabagAccessPermissionError,
    TLSData,
)

META = {"name": "kv-worker", "requires": {"kv-cluster": {"interface": "kv_cluster"}}}
TOPOLOGY = {"application": "store", "unit": "store/0", "charm_name": "kv-worker"}
OFFER: dict[str, Any] = {
    "worker_config": "a: 1\nb: [2]\n",
    "ca_cert": "CA",
    "server_cert": "CERT",
    "s3_tls_ca_chain": "CHAIN",
    "privkey_secret_id": "secret:cvq1p2q3r4s5t6u7v8w0",
    "loki_endpoints": {"loki/0": "http://loki:3100/loki/api/v1/push"},
    "charm_tracing_receivers": {"otlp_http": "https://kv:3300/proxy/charm-tracing/otlp_http/"},
    "workload_tracing_receivers": {"otlp_grpc": "tempo:4317", "jaeger_thrift_http": "http://tempo:14268"},
    "remote_write_endpoints": [{"url": "http://prometheus:9090/api/v1/write"}],
    "worker_ports": [8080, 9095],
    "worker_labels": {
        "app.kubernetes.io/part-of": "kv",
        "istio.io/dataplane-mode": "ambient",
        "istio.io/use-waypoint": "",
    },
}


class Worker(ops.CharmBase):
    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.cluster = ClusterRequirer(self, endpoint="kv-cluster")
        self.heard: list[Any] = []
        framework.observe(self.cluster.on.created, self._on_created)
        framework.observe(self.cluster.on.config_received, self._on_config_received)
        framework.observe(self.cluster.on.removed, self._on_removed)

    def _on_created(self, event: ops.RelationCreatedEvent):
        self.heard.append(("created", event.relation.id))

    def _on_config_received(self, event: Any):
        self.heard.append(("config_received", event.config))

    def _on_removed(self, _: ops.EventBase):
        self.heard.append("removed")


def cluster(local_unit: Mapping[str, Any] | None = None, **offer: Any) -> testing.Relation:
    return testing.Relation(
        "kv-cluster",
        remote_app_name="kv",
        remote_app_data={key: json.dumps(value) for key, value in offer.items()},
        local_unit_data={key: json.dumps(value) for key, value in (local_unit or {}).items()},
    )


def do(
    call: Callable[[ClusterRequirer], Any], *relations: testing.Relation, leader: bool = True
) -> tuple[Any, testing.State]:
    ctx = testing.Context(Worker, META, app_name="store")
    with ctx(ctx.on.update_status(), testing.State(leader=leader, relations=relations)) as manager:
        result = call(manager.charm.cluster)
        return result, manager.run()


def hear(event: str, relation: testing.Relation) -> list[Any]:
    ctx = testing.Context(Worker, META, app_name="store")
    with ctx(getattr(ctx.on, f"relation_{event}")(relation), testing.State(relations=[relation])) as manager:
        manager.run()
        return manager.charm.heard


def test_everything_the_coordinator_offers_is_read():
    def read(cluster: ClusterRequirer):
        assert cluster.get_worker_config() == {"a": 1, "b": [2]}
        assert cluster.get_worker_config_text() == OFFER["worker_config"]
        assert cluster.get_loki_endpoints() == OFFER["loki_endpoints"]
        assert cluster.get_charm_tracing_receivers() == OFFER["charm_tracing_receivers"]
        assert cluster.get_workload_tracing_receivers() == OFFER["workload_tracing_receivers"]
        assert cluster.get_remote_write_endpoints() == OFFER["remote_write_endpoints"]
        assert cluster.get_worker_ports() == (8080, 9095)
        assert cluster.get_worker_labels() == OFFER["worker_labels"]
        assert cluster.get_tls_data() == TLSData("CA", "CERT", "secret:cvq1p2q3r4s5t6u7v8w0", "CHAIN")
        assert cluster.refused() == []

    for leader in (True, False):
        do(read, cluster(**OFFER), leader=leader)


@pytest.mark.parametrize(
    "relations",
    [
        [],
        [cluster()],
        [cluster(ca_cert="CA", worker_ports=[80])],
        [cluster(worker_config="")],
        [cluster(**{**dict.fromkeys(OFFER), "worker_config": ""})],
    ],
)
def test_what_is_not_offered_is_empty(relations: list[testing.Relation]):
    def read(cluster: ClusterRequirer):
        assert cluster.get_worker_config() == {}
        assert not cluster.get_worker_config_text()
        assert cluster.get_loki_endpoints() == {}
        assert cluster.get_charm_tracing_receivers() == {}
        assert cluster.get_workload_tracing_receivers() == {}
        assert cluster.get_remote_write_endpoints() == []
        assert cluster.get_worker_ports() is None
        assert cluster.get_worker_labels() == {}
        assert cluster.get_tls_data() is None
        assert cluster.refused() == []

    do(read, *relations)


@pytest.mark.parametrize("missing", ["ca_cert", "server_cert", "privkey_secret_id"])
def test_tls_data_are_whole_unless_parts_will_do(missing: str):
    relation = cluster(**{**OFFER, missing: None})
    assert do(lambda cluster: cluster.get_tls_data(), relation)[0] is None
    data, _ = do(lambda cluster: cluster.get_tls_data(allow_none=True), relation)
    assert data is not None
    assert getattr(data, missing) is None
    assert data.s3_tls_ca_chain == "CHAIN"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", None),
        ("just text", "not a mapping in YAML"),
        ("- a\n- b", "not a mapping in YAML"),
        ("a: [", "not YAML"),
        ("\tx", "not YAML"),
        ("d: 2025-99-99", "not YAML"),
        ("a: !!bool x", "not YAML"),
        ("a: !!int ''", "not YAML"),
        ("a: !!timestamp x", "not YAML"),
        ("{" * 2000, "not YAML"),
        (f"a: 0x{'f' * 5000}", "a number of more than 1000 characters"),
        ("a: &a [*a]", "an alias within its own value"),
        ("a: 1\n" * 1_000_000, "more than 1000000 characters"),
        ("[" + "[]," * 60_000, "more than 50000 values"),
        (f"a: &a [{'1,' * 5000}]\nb: [{'*a,' * 20}]", "more than 50000 values"),
        (
            f"a: &a {{x: 1}}\nb: &b {{<<: [{'*a,' * 300}]}}\nc: {{<<: [{'*b,' * 300}]}}",
            "more than 50000 values",
        ),
    ],
    ids=range(16),
)
def test_configuration_without_mapping_is_text_only(text: str, problem: str | None):
    def read(cluster: ClusterRequirer):
        assert cluster.get_worker_config() == {}
        assert cluster.config_problem == (f"worker_config: {problem}" if problem else None)
        assert cluster.get_worker_config_text() == text

    do(read, cluster(worker_config=text))


def test_large_configuration_with_aliases_is_accepted():
    addresses = [f"worker-{unit}.worker-endpoints.shop.svc.cluster.local:7946" for unit in range(500)]
    config = {"memberlist": addresses, "ring": {"join": addresses}}
    relation = cluster(worker_config=yaml.safe_dump(config))
    assert do(lambda cluster: cluster.get_worker_config(), relation)[0] == config


def test_returned_configuration_is_a_copy():
    def change(cluster: ClusterRequirer):
        cluster.get_worker_config()["b"].append(3)
        return cluster.get_worker_config()

    assert do(change, cluster(**OFFER))[0] == {"a": 1, "b": [2]}


@pytest.mark.parametrize(
    ("field", "bad", "good"),
    [
        ("loki_endpoints", {"loki/1": "ftp://loki"}, OFFER["loki_endpoints"]),
        ("loki_endpoints", {"loki/1": "http://loki:70000"}, OFFER["loki_endpoints"]),
        ("loki_endpoints", {"loki/1": 'http://loki/"; evil'}, OFFER["loki_endpoints"]),
        ("loki_endpoints", {"../loki": "http://loki"}, OFFER["loki_endpoints"]),
        ("loki_endpoints", {"loki/1": None}, OFFER["loki_endpoints"]),
        ("charm_tracing_receivers", {"otlp http": "http://tempo"}, OFFER["charm_tracing_receivers"]),
        ("workload_tracing_receivers", {"zipkin": "http://\n"}, OFFER["workload_tracing_receivers"]),
        ("worker_labels", {"-a": "b"}, OFFER["worker_labels"]),
        ("worker_labels", {"a": "b c"}, OFFER["worker_labels"]),
        ("worker_labels", {"A.example/a": "b"}, OFFER["worker_labels"]),
        ("worker_labels", {"a/b/c": "b"}, OFFER["worker_labels"]),
        ("worker_labels", {"a": "b" * 64}, OFFER["worker_labels"]),
        ("worker_labels", {"a": True}, OFFER["worker_labels"]),
        ("worker_labels", {"app.kubernetes.io/name": "other"}, OFFER["worker_labels"]),
        ("worker_labels", {"app.kubernetes.io/managed-by": "me"}, OFFER["worker_labels"]),
        ("worker_labels", {"model.juju.is/name": "other"}, OFFER["worker_labels"]),
        ("worker_labels", {"gateway.networking.k8s.io/gateway-name": "x"}, OFFER["worker_labels"]),
        ("worker_labels", {"charms.canonical.com/shop.beacon.telemetry": "x"}, OFFER["worker_labels"]),
        ("worker_labels", {"app": "x"}, OFFER["worker_labels"]),
    ],
)
def test_invalid_entry_is_ignored_and_named(field: str, bad: dict[str, Any], good: Any):
    relation = cluster(**{**OFFER, field: {**good, **bad}})
    assert do(lambda cluster: getattr(cluster, f"get_{field}")(), relation)[0] == good
    [reason] = do(ClusterRequirer.refused, relation)[0]
    assert reason.startswith(f"{field}[{next(iter(bad))!r}]: ")
    assert do(lambda cluster: cluster.data_error, relation)[0] is None


@pytest.mark.parametrize("port", [0, 65536, -1, "80", True, 80.5, None])
def test_invalid_port_is_ignored_and_named(port: object):
    relation = cluster(**{**OFFER, "worker_ports": [8080, port]})
    assert do(ClusterRequirer.get_worker_ports, relation)[0] == (8080,)
    assert do(ClusterRequirer.refused, relation)[0][0].startswith("worker_ports['1']: ")


@pytest.mark.parametrize(
    ("field", "many"),
    [
        ("worker_ports", list(range(1, 65536))),
        ("remote_write_endpoints", [{"url": f"http://{host}.test/write"} for host in range(3000)]),
        ("loki_endpoints", {f"loki/{unit}": "http://loki:3100/push" for unit in range(3000)}),
        ("charm_tracing_receivers", {f"a{number}": "http://tempo:4318" for number in range(3000)}),
        ("workload_tracing_receivers", {f"a{number}": "http://tempo:4318" for number in range(3000)}),
    ],
)
def test_excess_entries_are_named_and_ignored(field: str, many: Any):
    def read(cluster: ClusterRequirer):
        return getattr(cluster, f"get_{field}")(), cluster.refused()

    entries, refused = do(read, cluster(**{**OFFER, field: many}))[0]
    assert list(entries) == list(many)[:100]
    assert refused == [f"{field}: {len(many) - 100} entries too many, the limit is 100"]


def test_remote_write_endpoint_without_url_is_ignored():
    good = OFFER["remote_write_endpoints"]
    relation = cluster(**{**OFFER, "remote_write_endpoints": [*good, {"url": "x"}, {}, "http://x"]})
    assert do(ClusterRequirer.get_remote_write_endpoints, relation)[0] == good
    assert len(do(ClusterRequirer.refused, relation)[0]) == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("worker_config", 1),
        ("worker_ports", "80"),
        ("worker_labels", ["a"]),
        ("ca_cert", {}),
        ("loki_endpoints", 1),
        ("privkey_secret_id", "secret:1"),
        ("privkey_secret_id", "http://evil.test/push?token=hush"),
    ],
)
def test_an_offer_that_can_not_be_read_is_named_and_not_used(field: str, value: object):
    relation = cluster(**{**OFFER, field: value})

    def read(cluster: ClusterRequirer):
        assert cluster.get_worker_config() == {}
        assert cluster.get_worker_labels() == {}
        assert cluster.get_tls_data(allow_none=True) is None
        [reason] = cluster.refused()
        assert cluster.data_error == reason
        assert reason.startswith(field)

    do(read, relation)


def test_what_is_not_json_is_named_without_its_text():
    relation = cluster(**OFFER)
    relation.remote_app_data["ca_cert"] = "-----BEGIN SECRET-----"
    assert do(lambda cluster: cluster.data_error, relation)[0] == "ca_cert: not JSON"


def test_unknown_fields_are_ignored():
    relation = cluster(**OFFER, from_the_future={"a": 1}, refused=["nothing"])
    relation.remote_app_data["else"] = "{"
    assert do(ClusterRequirer.refused, relation)[0] == []


def test_of_two_coordinators_the_first_one_counts():
    first, second = cluster(worker_config="a: 1"), cluster(worker_config="a: 2")
    assert do(ClusterRequirer.get_worker_config, second, first)[0] == {"a": 1}


def test_address_topology_and_roles_are_published():
    def publish(cluster: ClusterRequirer):
        assert not cluster.is_published()
        cluster.publish_unit_address("store-0.store-endpoints.m.svc.cluster.local")
        assert not cluster.is_published()
        cluster.publish_app_roles(["api", "store"])
        assert cluster.is_published()

    relation = cluster()
    _, state = do(publish, relation)
    found = state.get_relation(relation.id)
    assert {key: json.loads(value) for key, value in found.local_app_data.items()} == {"role": "api,store"}
    ours = {key: found.local_unit_data[key] for key in ("address", "juju_topology")}
    assert json.loads(ours["address"]) == "store-0.store-endpoints.m.svc.cluster.local"
    assert json.loads(ours["juju_topology"]) == TOPOLOGY


def test_a_unit_that_is_not_the_leader_publishes_itself_only():
    def publish(cluster: ClusterRequirer):
        cluster.publish_unit_address("store-0")
        assert cluster.is_published()
        with pytest.raises(DatabagAccessPermissionError):
            cluster.publish_app_roles(["store"])

    do(publish, cluster(), leader=False)


def test_roles_are_taken_back():
    relation = cluster()
    relation.local_app_data["role"] = '"store"'
    _, state = do(lambda cluster: cluster.publish_app_roles([]), relation)
    assert state.get_relation(relation.id).local_app_data == {}


def test_what_is_published_already_is_not_written_again(monkeypatch: pytest.MonkeyPatch):
    def publish(cluster: ClusterRequirer):
        cluster.publish_unit_address("store-0")
        cluster.publish_app_roles(["store"])

    relation = cluster()
    _, state = do(publish, relation)
    written: list[Any] = []
    monkeypatch.setattr(
        mocking._MockModelBackend, "relation_set", lambda *args, **kwargs: written.append(args)
    )
    do(publish, *state.relations)  # pyright: ignore[reportArgumentType]
    assert written == []


def test_an_address_that_is_none_is_refused():
    with pytest.raises(ValueError, match="DNS name"):
        do(lambda cluster: cluster.publish_unit_address("not an address"), cluster())


def test_without_coordinator_nothing_is_published():
    def publish(cluster: ClusterRequirer):
        cluster.publish_unit_address("store-0")
        cluster.publish_app_roles(["store"])
        assert cluster.relation is None
        assert not cluster.is_published()

    do(publish)


def test_config_event_has_parsed_yaml():
    [(event, config)] = hear("changed", cluster(worker_config="since: 2025-01-02\nb: 1"))
    assert event == "config_received"
    assert config == {"since": datetime.date(2025, 1, 2), "b": 1}


def test_created_and_removed_are_emitted():
    relation = cluster(**OFFER)
    assert hear("created", relation) == [("created", relation.id)]
    assert hear("broken", relation) == ["removed"]


def test_withdrawn_configuration_emits_removed():
    published = {"juju_topology": TOPOLOGY, "address": "store-0"}
    assert hear("changed", cluster(published)) == ["removed"]
    assert hear("changed", cluster()) == []


def test_invalid_configuration_is_not_a_missing_one():
    assert hear("changed", cluster({"juju_topology": TOPOLOGY, "address": "store-0"}, worker_config=1)) == []


def test_a_relation_that_is_going_counts_no_more():
    ctx = testing.Context(Worker, META)
    relation = cluster(**OFFER)
    with ctx(ctx.on.relation_broken(relation), testing.State(relations=[relation])) as manager:
        assert manager.charm.cluster.relation is None
        assert manager.charm.cluster.get_worker_config() == {}
        manager.run()
