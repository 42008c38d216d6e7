"""A hook in which nothing changed, with a hundred workers."""

import sys
from collections.abc import Mapping
from typing import Any

import ops
import pytest
from ops import testing
from scenario import mocking

from tests.scenario.coordinator.field_cluster import (
    Cluster,
    again,
    loki,
    mesh,
    published,
    store,
    tracing,
    workers,
)

pytestmark = pytest.mark.kubernetes

READS, WRITES = ["GET"], ["POST", "PUT", "PATCH", "DELETE"]


def everything(units: int) -> list[testing.RelationBase]:
    return [
        testing.PeerRelation("peers"),
        workers("api", "querier", units=units // 2),
        workers("store", "ingester", units=units // 2),
        store(),
        loki(3),
        mesh(),
        tracing("self-charm-tracing"),
        tracing("self-workload-tracing"),
        testing.Relation("metrics-endpoint"),
        testing.Relation("grafana-dashboard"),
        testing.Relation("catalogue"),
        testing.Relation("field-api"),
    ]


@pytest.mark.parametrize("units", [2, 100])
def test_requests_do_not_grow_with_workers(cluster: Cluster, units: int):
    before = cluster.run(*everything(units))
    cluster.server.requests.clear()
    cluster.run(state=before)
    # Labels, policies, and at update-status the pods, which others may have relabelled.
    assert len(cluster.requests(READS)) == 5
    cluster.server.requests.clear()
    cluster.run(state=before, event="config_changed")
    assert len(cluster.requests(READS)) == 4
    assert cluster.requests(WRITES) == []


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys that the charm sets by Juju."""
    keys: list[str] = []

    def relation_set(self: object, relation_id: int, data: Mapping[str, str], *args: Any, **kwargs: Any):
        keys.extend(data)

    monkeypatch.setattr(mocking._MockModelBackend, "relation_set", relation_set)
    return keys


def test_no_databag_is_written(cluster: Cluster, request: pytest.FixtureRequest):
    before = cluster.run(*everything(100))
    written: list[str] = request.getfixturevalue("written")
    cluster.run(state=before)
    assert written == []


def test_no_key_is_written_but_the_one_that_changed(cluster: Cluster, request: pytest.FixtureRequest):
    before = cluster.run(*everything(100))
    without_logs = {one for one in before.relations if one.endpoint != "logging"}
    written: list[str] = request.getfixturevalue("written")
    cluster.run(state=again(before, relations=without_logs))
    assert written == ["loki_endpoints"] * 2


def test_nothing_is_pushed_to_container_and_nothing_started(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
):
    before = cluster.run(*everything(100))
    done: list[str] = []
    for name in ("push", "add_layer", "replan", "restart", "exec"):
        monkeypatch.setattr(ops.Container, name, lambda *_, name=name, **__: done.append(name))
    cluster.run(state=before)
    assert done == []


def test_follower_sends_nothing_to_kubernetes(cluster: Cluster):
    cluster.run(*everything(2), leader=False)
    assert cluster.requests() == []


@pytest.mark.parametrize("module", ["cosl", "lightkube", "charmlibs.interfaces.tls_certificates"])
def test_idle_hook_imports_only_what_it_needs(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, module: str):
    monkeypatch.setitem(sys.modules, module, None)  # importing it raises
    state = cluster.run(workers(units=2), store(), leader=False)
    assert state.unit_status == testing.ActiveStatus()


def test_one_more_worker_is_one_databag_and_no_policy_more(cluster: Cluster):
    relations = everything(2)
    cluster.run(*relations)
    cluster.server.requests.clear()
    more = [one for one in relations if getattr(one, "remote_app_name", "") != "store"]
    scaled = workers("store", "ingester", units=2)
    state = cluster.run(*more, scaled)
    assert published(state, scaled)["worker_config"]
    assert [one for one in cluster.requests(WRITES) if "authorizationpolicies" in one] == []
