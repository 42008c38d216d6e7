"""Destinations of a worker's logs and traces."""

from pathlib import Path
from typing import Any

import ops
import pytest

from tests.scenario.worker.conftest import MODEL, ContainerChanges, Store, changed, cluster

LOKI = {"loki/0": "http://loki-0:3100/loki/api/v1/push", "loki/1": "http://loki-1:3100/loki/api/v1/push"}


@pytest.fixture
def destinations(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return the destinations of charm traces, event by event."""
    found: list[dict[str, Any]] = []
    assert ops.tracing
    monkeypatch.setattr(ops.tracing, "set_destination", lambda **destination: found.append(destination))
    return found


def targets(store: Store) -> dict[str, Any]:
    return {name: target.to_dict() for name, target in store.container.plan.log_targets.items()}


def test_logs_go_to_every_loki_with_units_topology(store: Store):
    store.deploy(cluster(worker_config="a: 1", loki_endpoints=LOKI))
    assert targets(store).keys() == LOKI.keys()
    assert targets(store)["loki/1"] == {
        "override": "replace",
        "type": "loki",
        "location": "http://loki-1:3100/loki/api/v1/push",
        "services": ["all"],
        "labels": {
            "product": "Juju",
            "job": f"juju_m_{MODEL.uuid[:8]}_store",
            "charm": "store-worker-k8s",
            "juju_charm": "store-worker-k8s",
            "juju_model": "m",
            "juju_model_uuid": MODEL.uuid,
            "juju_application": "store",
            "juju_unit": "store/0",
        },
    }


def test_logs_go_no_more_to_loki_that_went(store: Store, container_changes: ContainerChanges):
    store.deploy(cluster(worker_config="a: 1", loki_endpoints=LOKI))
    store.run(relations=[changed(store.relation, loki_endpoints={"loki/0": LOKI["loki/0"]})])
    assert targets(store)["loki/0"]["services"] == ["all"]
    assert targets(store)["loki/1"]["services"] == ["-all"]
    container_changes.calls.clear()
    store.run()
    assert container_changes() == []
    store.run(relations=[changed(store.relation, loki_endpoints=LOKI)])
    assert targets(store)["loki/1"]["services"] == ["all"]


def test_logs_go_nowhere_when_coordinator_went(store: Store):
    store.deploy(cluster(worker_config="a: 1", loki_endpoints=LOKI))
    store.run(store.ctx.on.relation_broken(store.relation))
    assert [target["services"] for target in targets(store).values()] == [["-all"], ["-all"]]


def test_loki_that_moved_is_followed(store: Store):
    store.deploy(cluster(worker_config="a: 1", loki_endpoints=LOKI))
    store.run(relations=[changed(store.relation, loki_endpoints={"loki/0": "http://elsewhere/push"})])
    assert targets(store)["loki/0"]["location"] == "http://elsewhere/push"


def test_what_image_logs_to_by_itself_is_left_alone(store: Store):
    own: Any = {"log-targets": {"own": {"override": "replace", "type": "loki", "location": "http://own"}}}
    store.deploy(containers=[store.workload(layers={"image": ops.pebble.Layer(own)})])
    assert targets(store) == own["log-targets"]


def test_logs_are_not_forwarded_by_juju_that_cannot(store: Store, tmp_path: Path):
    store.ctx.juju_version = "3.3.0"
    store.deploy(cluster(worker_config="a: 1", loki_endpoints=LOKI))
    assert targets(store) == {}
    assert isinstance(store.status, ops.ActiveStatus)


def test_charm_traces_are_sent_to_the_coordinators_receiver(store: Store, destinations: list[dict[str, Any]]):
    store.deploy(
        cluster(worker_config="a: 1", charm_tracing_receivers={"otlp_http": "http://kv:3300/traces/"})
    )
    assert destinations[-1] == {"url": "http://kv:3300/traces/v1/traces", "ca": None}


def test_charm_traces_go_over_https_with_ca(store: Store, destinations: list[dict[str, Any]]):
    receivers = {"otlp_http": "https://kv:3300"}
    store.deploy(cluster(worker_config="a: 1", charm_tracing_receivers=receivers, ca_cert="CA"))
    assert destinations[-1] == {"url": "https://kv:3300/v1/traces", "ca": "CA"}
    store.run(relations=[changed(store.relation, ca_cert=None)])
    assert destinations[-1] == {"url": None, "ca": None}


def test_charm_traces_go_nowhere_when_coordinator_went(store: Store, destinations: list[dict[str, Any]]):
    store.deploy(cluster(worker_config="a: 1", charm_tracing_receivers={"otlp_http": "http://kv:3300"}))
    store.run(store.ctx.on.relation_broken(store.relation))
    assert destinations[-1] == {"url": None, "ca": None}


def test_charm_that_was_installed_without_tracing(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ops, "tracing", None)
    store.deploy(cluster(worker_config="a: 1", charm_tracing_receivers={"otlp_http": "http://kv:3300"}))
    assert isinstance(store.status, ops.ActiveStatus)


@pytest.mark.parametrize("url", ["tempo:4318", None])
def test_what_is_no_http_is_no_place_for_charm_traces(
    store: Store, destinations: list[dict[str, Any]], url: str | None
):
    receivers = {"otlp_http": url} if url else {"otlp_grpc": "tempo:4317"}
    store.deploy(cluster(worker_config="a: 1", charm_tracing_receivers=receivers))
    assert destinations[-1] == {"url": None, "ca": None}
    assert isinstance(store.status, ops.ActiveStatus)


def test_charm_with_own_tracing_gets_endpoint_and_ca(store: Store):
    receivers = {"otlp_http": "https://kv:3300"}
    store.deploy(cluster(worker_config="a: 1", charm_tracing_receivers=receivers, ca_cert="CA"))
    with store.ctx(store.ctx.on.update_status(), store.state) as manager:
        endpoint, ca_path = manager.charm.worker.charm_tracing_config()
        assert endpoint == "https://kv:3300"
        assert ca_path
        assert Path(ca_path).read_text() == "CA"


@pytest.mark.parametrize(
    ("offer", "config"),
    [
        (
            {"charm_tracing_receivers": {"otlp_http": "http://kv:3300"}, "ca_cert": "CA"},
            ("http://kv:3300", None),
        ),
        ({"charm_tracing_receivers": {"otlp_http": "https://kv:3300"}}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_ca_is_for_https_and_https_is_not_without(
    store: Store, offer: dict[str, Any], config: tuple[str | None, str | None]
):
    store.deploy(cluster(worker_config="a: 1", **offer))
    with store.ctx(store.ctx.on.update_status(), store.state) as manager:
        assert manager.charm.worker.charm_tracing_config() == config


def test_workload_gets_its_tracing_endpoint(store: Store):
    store.deploy(cluster(worker_config="a: 1", workload_tracing_receivers={"otlp_http": "http://kv:3300"}))
    environment = store.container.plan.services["store"].environment
    assert environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://kv:3300"
