"""The coordinator's side of the cluster relation."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ops
import pytest
from ops import testing
from scenario import mocking

from coordinated_workers.interfaces.cluster import ClusterProvider
from coordinated_workers.interfaces.provider import PublishedTLS
from tests.support.juju_tools import refuse_databags, refuse_tools

META = {"name": "kv", "provides": {"kv-cluster": {"interface": "kv_cluster"}}}
ROLES = {"all", "api", "store", "cache"}
META_ROLES = {"all": {"api", "store"}}
CONFIG = {"worker_config": "a: 1"}
EVERYTHING: dict[str, Any] = {
    "worker_config": "a: 1",
    "ca_cert": "CA",
    "server_cert": "CERT",
    "s3_tls_ca_chain": "CHAIN",
    "privkey_secret_id": "secret:cvq1p2q3r4s5t6u7v8w0",
    "loki_endpoints": {"loki/0": "http://loki:3100/loki/api/v1/push"},
    "charm_tracing_receivers": {"otlp_http": "http://tempo:4318"},
    "workload_tracing_receivers": {"otlp_grpc": "tempo:4317"},
    "remote_write_endpoints": [{"url": "http://prometheus:9090/api/v1/write"}],
    "worker_labels": {"app.kubernetes.io/part-of": "kv", "istio.io/dataplane-mode": "ambient"},
}


class Coordinator(ops.CharmBase):
    worker_ports: Callable[[str], Sequence[int]] | None = None

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        ports = self.worker_ports
        self.cluster = ClusterProvider(
            self, frozenset(ROLES), META_ROLES, endpoint="kv-cluster", worker_ports=ports
        )
        self.changes = 0
        framework.observe(self.cluster.on.changed, self._on_cluster_changed)

    def _on_cluster_changed(self, _: ops.EventBase):
        self.changes += 1


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Return the data that Juju is asked to set, one mapping a call."""
    calls: list[dict[str, str]] = []

    def relation_set(self: object, relation_id: int, data: Mapping[str, str], *args: Any, **kwargs: Any):
        calls.append(dict(data))

    monkeypatch.setattr(mocking._MockModelBackend, "relation_set", relation_set)
    return calls


def unit(app: str, number: int, **changed: str) -> dict[str, str]:
    topology = {"application": app, "unit": f"{app}/{number}", "charm_name": "kv-worker", "model": "m"}
    return {
        "juju_topology": json.dumps(topology),
        "address": json.dumps(f"{app}-{number}.{app}-endpoints.m.svc.cluster.local"),
        "egress-subnets": "10.0.0.1/32",
        **changed,
    }


def workers(
    app: str,
    role: str | None,
    *units: dict[str, str],
    **local: Any,
) -> testing.Relation:
    return testing.Relation(
        "kv-cluster",
        remote_app_name=app,
        remote_app_data={"role": json.dumps(role), "to-come": "{"} if role is not None else {},
        remote_units_data=dict(enumerate(units or [unit(app, 0)])),
        local_app_data={key: json.dumps(value) for key, value in local.items()},
    )


def remote(number: int) -> str:
    """A name like those that Juju gives to applications of other models."""
    return f"remote-{number:032x}"


def ask(
    question: Callable[[ClusterProvider], Any],
    *relations: testing.Relation,
    charm: type[Any] = Coordinator,
    leader: bool = True,
    secrets: Sequence[testing.Secret] = (),
) -> tuple[Any, testing.State]:
    ctx = testing.Context(charm, META)
    state = testing.State(leader=leader, relations=relations, secrets=secrets)
    with ctx(ctx.on.update_status(), state) as manager:
        answer = question(manager.charm.cluster)
        return answer, manager.run()


def answer(question: Callable[[ClusterProvider], Any], *relations: testing.Relation) -> Any:
    return ask(question, *relations)[0]


def published(state: testing.State, relation: testing.Relation) -> dict[str, Any]:
    found = state.get_relation(relation.id)
    return {key: json.loads(value) for key, value in found.local_app_data.items()}


def test_addresses_are_gathered_by_role():
    addresses = answer(
        ClusterProvider.gather_addresses_by_role,
        workers("a", "api", unit("a", 0), unit("a", 1)),
        workers("b", "store,api"),
    )
    host = "{0}-{1}.{0}-endpoints.m.svc.cluster.local".format
    assert addresses == {"api": {host("a", 0), host("a", 1), host("b", 0)}, "store": {host("b", 0)}}
    assert addresses["cache"] == set()


def test_meta_role_counts_as_each_of_its_roles():
    relation = workers("a", "all")
    assert answer(ClusterProvider.gather_roles, relation) == {"api": 1, "store": 1}
    assert set(answer(ClusterProvider.gather_addresses_by_role, relation)) == {"api", "store"}


def test_meta_role_need_not_be_named_among_roles():
    class Coordinator(ops.CharmBase):
        def __init__(self, framework: ops.Framework):
            super().__init__(framework)
            self.cluster = ClusterProvider(self, {"api"}, {"all": {"api"}}, endpoint="kv-cluster")

    assert ask(ClusterProvider.gather_roles, workers("a", "all"), charm=Coordinator)[0] == {"api": 1}


def test_all_addresses_are_gathered_once_and_sorted():
    addresses = answer(
        ClusterProvider.gather_addresses, workers("b", "all", unit("b", 0), unit("b", 1)), workers("a", "api")
    )
    assert [address.partition(".")[0] for address in addresses] == ["a-0", "b-0", "b-1"]


def test_units_are_counted_by_role():
    roles = answer(
        ClusterProvider.gather_roles,
        workers("a", "api", unit("a", 0), unit("a", 1)),
        workers("b", "store,api"),
    )
    assert roles == {"api": 3, "store": 1}


def test_unpublished_unit_has_a_role_and_no_address():
    relation = workers("a", "api", unit("a", 0), {"egress-subnets": "10.0.0.1/32"})
    assert answer(ClusterProvider.gather_roles, relation) == {"api": 2}
    assert len(answer(ClusterProvider.gather_addresses, relation)) == 1
    assert answer(ClusterProvider.refused, relation) == {}


def test_topology_is_gathered_in_order_of_units():
    relation = workers("a", None, *(unit("a", number) for number in range(12)))
    topology = answer(ClusterProvider.gather_topology, relation)
    assert [one["unit"] for one in topology] == [f"a/{number}" for number in range(12)]
    assert topology[0] == {
        "address": "a-0.a-endpoints.m.svc.cluster.local",
        "application": "a",
        "unit": "a/0",
        "charm_name": "kv-worker",
    }


def test_address_of_role_stays_the_same():
    relation = workers("a", "api", unit("a", 2), unit("a", 1))
    assert answer(lambda cluster: cluster.get_address_from_role("api"), relation).startswith("a-1.")
    assert answer(lambda cluster: cluster.get_address_from_role("store"), relation) is None


def test_there_are_workers_as_soon_as_there_is_relation():
    assert answer(lambda cluster: cluster.has_workers, workers("a", None)) is True
    assert answer(lambda cluster: cluster.has_workers) is False


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("address", '"a b"'),
        ("address", '"a;return 200"'),
        ("address", '""'),
        ("address", "not json"),
        ("address", "1"),
        ("address", '"\\ud800"'),
        ("address", "[" * 10_000),
        ("juju_topology", "null"),
        ("juju_topology", '{"application": "a", "unit": "a/0"}'),
        ("juju_topology", '{"application": "a*", "unit": "a/0", "charm_name": "c"}'),
        ("juju_topology", '{"application": "a", "unit": "a/../b", "charm_name": "c"}'),
        ("juju_topology", '{"application": "a", "unit": "a/0\\n", "charm_name": "c"}'),
    ],
)
def test_invalid_unit_is_ignored_and_named(key: str, text: str):
    relation = workers("a", "api", unit("a", 0), unit("a", 1, **{key: text}))
    other = workers("b", "store")
    assert answer(ClusterProvider.gather_roles, relation, other) == {"api": 1, "store": 1}
    assert len(answer(ClusterProvider.gather_addresses, relation, other)) == 2
    assert len(answer(ClusterProvider.gather_topology, relation, other)) == 2
    [(name, reason)] = answer(ClusterProvider.refused, relation, other).items()
    assert name == "a/1"
    assert reason.startswith(key)
    assert len(reason) < 300


# Configurations have it as it is, and its port would make them invalid.
@pytest.mark.parametrize(
    "address",
    [
        *("a-1:0", "a-1:65536", "a-1:08080", "a-1:8080x", "a-1:\u0663", "a-1:\uff11", f"a-1:{'9' * 5000}"),
        *(":8080", "a-1:", "[fd00::1]:8080", "a-1:80:80"),
    ],
)
def test_address_with_port_that_is_none_is_ignored_and_named(address: str):
    relation = workers("a", "api", unit("a", 0), unit("a", 1, address=json.dumps(address)))
    assert len(answer(ClusterProvider.gather_addresses, relation)) == 1
    reason = "address: neither a DNS name nor an IP address"
    assert answer(ClusterProvider.refused, relation) == {"a/1": reason}


@pytest.mark.parametrize("port", ["1", "9095", "65535"])
def test_address_may_have_a_port(port: str):
    relation = workers("a", "api", unit("a", 0, address=json.dumps(f"a-0:{port}")))
    assert answer(ClusterProvider.gather_addresses, relation) == (f"a-0:{port}",)


@pytest.mark.parametrize(
    ("app", "application", "name"),
    [
        (remote(1), "b", "b/0"),
        (remote(1), "a", "b/0"),
        (remote(1), "a", "c/0"),
        (remote(1), "kv", "kv/0"),
    ],
)
def test_unit_with_name_of_another_is_ignored_and_named(app: str, application: str, name: str):
    topology = {"application": application, "unit": name, "charm_name": "kv-worker"}
    relation = workers(app, "api", unit(app, 0, juju_topology=json.dumps(topology)))
    other = workers("b", "store")
    assert {one["unit"] for one in answer(ClusterProvider.gather_topology, relation, other)} == {"b/0"}
    assert answer(ClusterProvider.refused, relation, other).keys() == {f"{app}/0"}


@pytest.mark.parametrize("name", ["prometheus/0", "a/1"])
def test_local_unit_has_jujus_name(name: str):
    topology = {"application": name[:-2], "unit": name, "charm_name": "kv-worker"}
    relation = workers("a", "api", unit("a", 0, juju_topology=json.dumps(topology)))
    [found] = answer(ClusterProvider.gather_topology, relation)
    assert (found["application"], found["unit"]) == ("a", "a/0")


@pytest.mark.parametrize("address", ["localhost", "a-0:9095"])
def test_address_to_which_nothing_is_sent_is_counted(address: str):
    relation = workers("a", "api", unit("a", 0, address=json.dumps(address)))
    assert answer(ClusterProvider.gather_addresses, relation) == (address,)
    assert answer(lambda cluster: cluster.unroutable_addresses, relation) == {address}


def test_cross_model_unit_publishes_its_own_name():
    topology = {"application": "a", "unit": "a/7", "charm_name": "kv-worker"}
    relation = workers(remote(1), "api", unit("a", 0, juju_topology=json.dumps(topology)))
    assert [one["unit"] for one in answer(ClusterProvider.gather_topology, relation)] == ["a/7"]


def called(name: str, app: str, number: int = 0) -> dict[str, str]:
    """A unit that publishes this name, and an address of its own."""
    topology = {"application": name.partition("/")[0], "unit": name, "charm_name": "kv-worker"}
    return unit(app, number, juju_topology=json.dumps(topology))


@pytest.mark.parametrize("name", ["a/7", "a/8"], ids=["unit", "application"])
def test_later_worker_cannot_take_earlier_name(name: str):
    earlier = dataclasses.replace(workers(remote(2), "api", called("a/7", "first")), id=7)
    later = dataclasses.replace(workers(remote(1), "api", called(name, "second")), id=8)
    topology = answer(ClusterProvider.gather_topology, later, earlier)
    units = {each["unit"]: each["address"].partition(".")[0] for each in topology}
    assert units == {"a/7": "first-0", f"{remote(1)}/0": "second-0"}
    assert answer(ClusterProvider.gather_roles, later, earlier) == {"api": 2}
    refused = answer(ClusterProvider.refused, later, earlier)
    assert refused == {f"{remote(1)}/0": f"juju_topology: {name} is another unit's name"}


def test_two_units_of_one_application_have_name_each():
    relation = workers(remote(1), "api", called("a/7", "x"), called("a/7", "x", 1))
    units = [one["unit"] for one in answer(ClusterProvider.gather_topology, relation)]
    assert units == ["a/7", f"{remote(1)}/1"]


@pytest.mark.parametrize("app", ["remote-cache", "remote-1", f"remote-{'0' * 31}x", f"x-{remote(1)}"])
def test_local_application_may_be_named_like_a_remote_one(app: str):
    relation = workers(app, "api", called("prometheus/0", "x"))
    [found] = answer(ClusterProvider.gather_topology, relation)
    assert (found["application"], found["unit"]) == (app, f"{app}/0")


@pytest.mark.parametrize("address", ["10.1.2.3", "fd00::1", "a-0", "A.example.com", "a_b.c"])
def test_every_kind_of_address_is_taken(address: str):
    relation = workers("a", "api", unit("a", 0, address=json.dumps(address)))
    assert answer(ClusterProvider.gather_addresses, relation) == (address,)


def test_invalid_role_is_ignored_and_named():
    bad = workers("bad", "api")
    bad.remote_app_data["role"] = "api"
    good = workers("good", "store")
    assert answer(ClusterProvider.gather_roles, bad, good) == {"store": 1}
    assert answer(ClusterProvider.refused, bad, good) == {"bad": "role: not JSON"}
    _, state = ask(lambda cluster: cluster.publish_data(**CONFIG), bad, good)
    assert published(state, bad) == {}
    assert published(state, good) == CONFIG


def test_unknown_role_is_ignored_and_named():
    relation = workers("a", "api, dance,")
    assert answer(ClusterProvider.gather_roles, relation) == {"api": 1}
    assert "dance" in answer(ClusterProvider.refused, relation)["a"]


@pytest.mark.parametrize("role", ["", ","])
def test_application_that_has_taken_its_roles_back_has_none(role: str):
    relation = workers("a", role)
    assert answer(ClusterProvider.gather_roles, relation) == {}
    assert answer(ClusterProvider.refused, relation) == {}
    assert len(answer(ClusterProvider.gather_topology, relation)) == 1


def test_data_is_published_to_each_application_with_a_role():
    first, second, roleless = workers("a", "api"), workers("b", "store"), workers("c", None)
    _, state = ask(lambda cluster: cluster.publish_data(**EVERYTHING), first, second, roleless)
    assert published(state, first) == published(state, second) == EVERYTHING
    assert published(state, roleless) == {}


def test_url_that_is_none_is_left_for_worker_to_refuse():
    relation = workers("a", "api")
    endpoints = [{"url": "not a url", "name": "prometheus"}]
    _, state = ask(lambda cluster: cluster.publish_data(**CONFIG, remote_write_endpoints=endpoints), relation)
    assert published(state, relation)["remote_write_endpoints"] == [{"url": "not a url"}]


def test_what_is_not_offered_any_more_is_taken_out():
    relation = workers("a", "api", **EVERYTHING)
    _, state = ask(lambda cluster: cluster.publish_data(**CONFIG), relation)
    assert published(state, relation) == CONFIG


def test_no_key_is_written_whose_value_did_not_change(written: list[dict[str, str]]):
    relations = [workers("a", "api", **EVERYTHING), workers("b", "store", **EVERYTHING)]
    reordered = dict(EVERYTHING, worker_labels=dict(reversed(EVERYTHING["worker_labels"].items())))
    ask(lambda cluster: cluster.publish_data(**reordered), *relations)
    assert written == []
    ask(lambda cluster: cluster.publish_data(**{**EVERYTHING, "ca_cert": "CA2"}), *relations)
    assert written == [{"ca_cert": '"CA2"'}] * 2


def test_only_leader_publishes():
    relation = workers("a", "api")
    _, state = ask(lambda cluster: cluster.publish_data(**CONFIG), relation, leader=False)
    assert published(state, relation) == {}


def test_others_do_not_try(caplog: pytest.LogCaptureFixture):
    def everything(cluster: ClusterProvider) -> object:
        cluster.publish_data(**CONFIG)
        cluster.publish_labels({"istio.io/dataplane-mode": "ambient"})
        return cluster.grant_privkey("tls"), cluster.published_labels(), cluster.published_tls()

    secret = testing.Secret({"private-key": "K"}, label="tls", owner="app")
    relation = workers("a", "api", **EVERYTHING)
    found, state = ask(everything, relation, secrets=[secret], leader=False)
    assert found == (None, {}, None)
    assert published(state, relation) == EVERYTHING
    assert not [
        each for each in caplog.records if each.name.startswith(("coordinated_workers", "relation_data"))
    ]


def test_labels_that_were_published():
    bare, labelled = workers("a", "api", **CONFIG), workers("b", "api", **EVERYTHING)
    found, _ = ask(ClusterProvider.published_labels, bare, labelled)
    assert found == EVERYTHING["worker_labels"]
    assert ask(ClusterProvider.published_labels, bare)[0] == {}
    assert ask(ClusterProvider.published_labels, workers("c", "api"))[0] == {}


@pytest.mark.parametrize("missing", [None, "ca_cert", "server_cert", "privkey_secret_id"])
def test_certificate_that_was_published(missing: str | None):
    data = {key: value for key, value in EVERYTHING.items() if key != missing}
    found, _ = ask(ClusterProvider.published_tls, workers("a", "api"), workers("b", "api", **data))
    expected = PublishedTLS("CA", "CERT", EVERYTHING["privkey_secret_id"])
    assert found == (None if missing else expected)


def test_labels_go_to_those_who_know_the_cluster():
    known, roleless, new = workers("a", "api", **CONFIG), workers("b", None, **CONFIG), workers("c", "api")
    labels = {"istio.io/dataplane-mode": "ambient"}
    _, state = ask(lambda cluster: cluster.publish_labels(labels), known, roleless, new)
    assert published(state, known) == published(state, roleless) == {**CONFIG, "worker_labels": labels}
    assert published(state, new) == {}


def test_databag_of_its_own_that_is_invalid_counts_as_empty():
    broken = dataclasses.replace(workers("a", "api"), local_app_data={"worker_config": "{"})
    assert ask(ClusterProvider.published_labels, broken)[0] == {}


def taking(app: str, *takes: bool, **local: Any) -> testing.Relation:
    """A worker application with some units that fill in secrets."""
    units = [unit(app, number, takes_config_secrets=json.dumps(each)) for number, each in enumerate(takes)]
    return workers(app, "api", *units, **local)


SECRET = {"worker_config": "key: hush", "secrets": {"store-key": "hush"}}
REDACTED = "key: @@juju-secret:store-key@@"


def test_configuration_by_secret():
    relation = taking("a", True, True)
    _, state = ask(lambda cluster: cluster.publish_data(**SECRET), relation)
    found = published(state, relation)
    assert found["worker_config"] == REDACTED
    secret = state.get_secret(id=found["worker_config_secret_id"])
    assert secret.latest_content == {"store-key": "hush"}
    assert set(secret.remote_grants) == {relation.id}


@pytest.mark.parametrize("takes", [(False,), (True, False)], ids=["none", "one of two"])
def test_configuration_in_plain_text(takes: Sequence[bool]):
    relation, no_unit = taking("a", *takes), dataclasses.replace(taking("b", True), remote_units_data={})
    _, state = ask(lambda cluster: cluster.publish_data(**SECRET), relation, no_unit)
    assert published(state, relation) == published(state, no_unit) == {"worker_config": "key: hush"}
    assert not list(state.secrets)


def test_unit_that_published_nothing_takes_no_part():
    relation = taking("a", True)
    relation = dataclasses.replace(relation, remote_units_data={**relation.remote_units_data, 1: {}})
    _, state = ask(lambda cluster: cluster.publish_data(**SECRET), relation)
    assert published(state, relation)["worker_config"] == REDACTED


def test_configuration_without_secrets():
    relation = taking("a", True)
    _, state = ask(lambda cluster: cluster.publish_data(**CONFIG, secrets={"store-key": "hush"}), relation)
    assert published(state, relation) == CONFIG


def test_secret_is_granted_once(monkeypatch: pytest.MonkeyPatch):
    secret = testing.Secret({"store-key": "hush"}, label="worker-config-secrets", owner="app")
    granted: list[int] = []
    monkeypatch.setattr(ops.Secret, "grant", lambda self, relation: granted.append(relation.id))
    known = taking("a", True, worker_config=REDACTED, worker_config_secret_id=secret.id)
    unknown = taking("b", True)
    _, state = ask(lambda cluster: cluster.publish_data(**SECRET), known, unknown, secrets=[secret])
    assert granted == [unknown.id]
    assert published(state, known) == published(state, unknown)


def test_secret_that_is_not_granted_is_not_named(monkeypatch: pytest.MonkeyPatch):
    def grant(_: ops.Secret, relation: ops.Relation) -> None:
        raise ops.ModelError("ERROR relation not found")

    monkeypatch.setattr(ops.Secret, "grant", grant)
    relation = taking("a", True)
    _, state = ask(lambda cluster: cluster.publish_data(**SECRET), relation)
    assert published(state, relation) == {"worker_config": "key: hush"}


def test_never_in_plain_text_again(monkeypatch: pytest.MonkeyPatch):
    before = {"worker_config": REDACTED, "worker_config_secret_id": "secret:cvq1p2q3r4s5t6u7v8w0"}
    relation = taking("a", True, **before)
    refuse_tools(monkeypatch, "secret_get", "secret_add")
    _, state = ask(lambda cluster: cluster.publish_data(**SECRET), relation)
    assert published(state, relation) == before


def test_units_have_jujus_names():
    relations = workers("a", "api", unit("a", 0), unit("a", 1)), workers("b", None)
    assert answer(lambda cluster: cluster.unit_names, *relations) == {"a/0", "a/1", "b/0"}


def test_topology_is_its_own():
    assert answer(lambda cluster: cluster.juju_topology.application) == "kv"


def test_role_of_no_unit_is_not_counted():
    assert (
        answer(ClusterProvider.gather_roles, dataclasses.replace(workers("a", "api"), remote_units_data={}))
        == {}
    )


def test_unit_that_published_nothing_has_no_address():
    silent = dataclasses.replace(workers("a", "api"), remote_units_data={0: {}, 1: unit("a", 1)})
    assert [each["unit"] for each in answer(ClusterProvider.gather_topology, silent)] == ["a/1"]
    assert answer(lambda cluster: cluster.unroutable_addresses, silent) == frozenset()


def test_roles_by_unit():
    silent = dataclasses.replace(workers("c", "api"), remote_units_data={0: {}})
    relations = workers("a", "api,store", unit("a", 0), unit("a", 1)), workers("b", None), silent
    expected = {"a/0": "api,store", "a/1": "api,store"}
    found = answer(lambda cluster: cluster.published_units, *relations)
    assert {one.data.juju_topology.unit: one.role for one in found if one.role} == expected


def test_units_with_a_role_have_published_data():
    silent = dataclasses.replace(workers("c", "api"), remote_units_data={0: {}})
    relations = workers("a", "api"), workers("b", None), silent
    found = answer(lambda cluster: cluster.published_units, *relations)
    (only,) = (one for one in found if one.role)
    assert (only.name, only.relation.app.name) == ("a/0", "a")


def test_object_of_another_name():
    class Named(ops.CharmBase):
        def __init__(self, framework: ops.Framework):
            super().__init__(framework)
            self.cluster = ClusterProvider(self, ROLES, endpoint="kv-cluster", key="cluster")

    assert ask(lambda cluster: cluster.handle.key, charm=Named)[0] == "cluster"
    assert answer(lambda cluster: cluster.handle.key) == "kv-cluster"


def test_each_application_gets_ports_of_its_roles():
    class WithPorts(Coordinator):
        worker_ports = staticmethod(lambda role: {"api": [80, 9090], "store": [7070, 9090], "all": [1]}[role])

    both, meta = workers("a", "api,store"), workers("b", "all")
    _, state = ask(lambda cluster: cluster.publish_data(**CONFIG), both, meta, charm=WithPorts)
    assert published(state, both)["worker_ports"] == [80, 7070, 9090]
    assert published(state, meta)["worker_ports"] == [1]


def test_private_key_is_granted_to_each_application():
    secret = testing.Secret({"private-key": "K"}, label="tls", owner="app")
    relations = [workers("a", "api"), workers("b", None)]
    secret_id, state = ask(lambda cluster: cluster.grant_privkey("tls"), *relations, secrets=[secret])
    assert secret_id == secret.id
    grants = state.get_secret(id=secret.id).remote_grants
    assert {relation.id for relation in relations} == set(grants)


def test_relation_that_is_gone_costs_no_other_private_key(monkeypatch: pytest.MonkeyPatch):
    gone, other = workers("gone", "api"), workers("other", "api")
    granted: list[int] = []

    def grant(_: ops.Secret, relation: ops.Relation) -> None:
        if relation.id == gone.id:
            raise ops.ModelError("ERROR relation not found")
        granted.append(relation.id)

    monkeypatch.setattr(ops.Secret, "grant", grant)
    secret = testing.Secret({"private-key": "KEY"}, label="key", owner="unit")
    secret_id, _ = ask(lambda cluster: cluster.grant_privkey("key"), gone, other, secrets=[secret])
    assert secret_id
    assert granted == [other.id]


def test_private_key_is_not_granted_again(monkeypatch: pytest.MonkeyPatch):
    granted: list[int] = []
    monkeypatch.setattr(ops.Secret, "grant", lambda self, relation: granted.append(relation.id))
    secret = testing.Secret({"private-key": "K"}, label="tls", owner="app")
    known, unknown = workers("a", "api", **CONFIG, privkey_secret_id=secret.id), workers("b", "api")
    ask(lambda cluster: cluster.grant_privkey("tls"), known, unknown, secrets=[secret])
    assert granted == [unknown.id]


def test_no_key_to_grant_without_key_or_leadership():
    relation = workers("a", "api")
    assert ask(lambda cluster: cluster.grant_privkey("tls"), relation)[0] is None
    secret = testing.Secret({"private-key": "K"}, label="tls", owner="app")
    granted, state = ask(
        lambda cluster: cluster.grant_privkey("tls"), relation, secrets=[secret], leader=False
    )
    assert granted is None
    assert state.get_secret(id=secret.id).remote_grants == {}


@pytest.mark.parametrize("event", ["created", "joined", "changed", "departed", "broken"])
def test_every_event_of_relation_is_change(event: str):
    ctx = testing.Context(Coordinator, META)
    relation = workers("a", "api")
    with ctx(getattr(ctx.on, f"relation_{event}")(relation), testing.State(relations=[relation])) as manager:
        manager.run()
        assert manager.charm.changes == 1


def test_relation_that_is_going_counts_no_longer():
    ctx = testing.Context(Coordinator, META)
    relation = workers("a", "api")
    with ctx(ctx.on.relation_broken(relation), testing.State(relations=[relation])) as manager:
        assert manager.charm.cluster.has_workers is False
        assert manager.charm.cluster.gather_topology() == []
        manager.run()


class TestLastData:
    """Data that Juju returned before it refused a databag."""

    @staticmethod
    def hook(state: testing.State) -> tuple[dict[str, set[str]], dict[str, str], testing.State]:
        ctx = testing.Context(Coordinator, META)
        with ctx(ctx.on.update_status(), state) as manager:
            cluster = manager.charm.cluster
            return cluster.gather_addresses_by_role(), cluster.refused(), manager.run()

    def test_is_kept_while_databag_is_refused(self, monkeypatch: pytest.MonkeyPatch):
        relation = workers("a", "api", unit("a", 0), unit("a", 1))
        before, _, state = self.hook(testing.State(relations=[relation]))
        refuse_databags(monkeypatch, relation.id)
        for _ in range(2):
            after, refused, state = self.hook(state)
            assert after == before
            assert refused.keys() == {"a", "a/0", "a/1"}

    def test_is_not_kept_of_unit_that_left(self, monkeypatch: pytest.MonkeyPatch):
        relation = workers("a", "api", unit("a", 0), unit("a", 1))
        _, _, state = self.hook(testing.State(relations=[relation]))
        fewer = dataclasses.replace(relation, remote_units_data={1: {}})
        refuse_databags(monkeypatch, relation.id)
        after, _, _ = self.hook(dataclasses.replace(state, relations=frozenset({fewer})))
        assert after == {"api": {"a-1.a-endpoints.m.svc.cluster.local"}}

    def test_is_not_kept_when_it_became_invalid_or_empty(self, monkeypatch: pytest.MonkeyPatch):
        relation = workers("a", "api")
        _, _, state = self.hook(testing.State(relations=[relation]))
        for data in (unit("a", 0, address='"no host"'), {}):
            changed = dataclasses.replace(relation, remote_units_data={0: data})
            after, _, between = self.hook(dataclasses.replace(state, relations=frozenset({changed})))
            assert after == {"api": set()}
            with monkeypatch.context() as patch:
                refuse_databags(patch, relation.id)
                assert self.hook(between)[0] == {"api": set()}

    def test_there_is_none_of_databag_that_was_never_read(self, monkeypatch: pytest.MonkeyPatch):
        relation, other = workers("a", "api"), workers("b", "api")
        refuse_databags(monkeypatch, relation.id)
        after, refused, _ = self.hook(testing.State(relations=[relation, other]))
        assert after == {"api": {"b-0.b-endpoints.m.svc.cluster.local"}}
        assert refused.keys() == {"a", "a/0"}
