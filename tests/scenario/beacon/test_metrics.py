import json
import shutil
from pathlib import Path

import ops
import pytest

from sandbox.kubernetes import KubernetesServer
from tests.scenario.beacon.beacon_model import BeaconModel, policy
from tests.support.charms import CHARMS


@pytest.fixture
def replans(monkeypatch: pytest.MonkeyPatch) -> list[ops.Container]:
    """The containers whose changed services were restarted, once for each time."""
    replanned: list[ops.Container] = []
    replan = ops.Container.replan

    def count(container: ops.Container) -> None:
        replanned.append(container)
        replan(container)

    monkeypatch.setattr(ops.Container, "replan", count)
    return replanned


def test_proxy_is_restarted_when_it_stops_listening(beacon: BeaconModel):
    plan = beacon.metrics_plan()
    assert plan.services["metrics-proxy"].startup == "enabled"
    assert plan.services["metrics-proxy"].on_check_failure == {"metrics-proxy": "restart"}
    assert plan.checks["metrics-proxy"].tcp == {"port": 15090}


def test_the_proxy_is_started_once(kubernetes: KubernetesServer, replans: list[ops.Container]):
    beacon = BeaconModel(kubernetes)
    beacon.hook("config_changed")
    beacon.hook()
    beacon.consumer("catalogue", policy("web", "catalogue"))
    assert len(replans) == 1


def test_a_proxy_that_stopped_is_started_again(beacon: BeaconModel, replans: list[ops.Container]):
    beacon.set_container(service_statuses={"metrics-proxy": ops.pebble.ServiceStatus.INACTIVE})
    beacon.hook()
    assert len(replans) == 1


def test_missing_container_stops_no_other_work(beacon: BeaconModel):
    beacon.set_container(can_connect=False)
    beacon.consumer("catalogue", policy("web", "catalogue"))
    status = beacon.hook()
    assert status.name == "waiting"
    assert status.message == "container metrics-proxy is not ready"
    assert beacon.allowed() == {("shop/web", "shop/catalogue")}


def test_a_unit_that_stops_waits_for_no_container(beacon: BeaconModel):
    beacon.set_container(can_connect=False)
    assert beacon.hook("stop").name == "active"


def test_failing_proxy_stops_no_other_work(kubernetes: KubernetesServer, monkeypatch: pytest.MonkeyPatch):
    def fail(_: ops.Container) -> None:
        raise ops.pebble.APIError({}, 500, "", "exec: no such file\nand more")

    monkeypatch.setattr(ops.Container, "replan", fail)
    beacon = BeaconModel(kubernetes)
    beacon.consumer("catalogue", policy("web", "catalogue"))
    status = beacon.hook()
    assert status.name == "waiting"
    assert status.message == "metrics-proxy failed to start (exec: no such file): juju debug-log"
    assert beacon.allowed() == {("shop/web", "shop/catalogue")}


def test_the_proxy_of_a_unit_that_does_not_lead_runs_too(kubernetes: KubernetesServer):
    follower = BeaconModel(kubernetes, leader=False)
    follower.hook()
    assert "metrics-proxy" in follower.metrics_plan().services


def test_scraper_gets_waypoint_metrics_target(beacon: BeaconModel):
    relation = beacon.relate("metrics-endpoint", "prometheus")
    (job,) = json.loads(relation.local_app_data["scrape_jobs"])
    assert job["static_configs"] == [{"targets": ["*:15090"]}]
    assert job["metrics_path"] == "/metrics"
    assert relation.local_unit_data["prometheus_scrape_unit_name"] == "beacon/0"


def test_trace_receiver_gets_requested_protocols(beacon: BeaconModel):
    relation = beacon.relate("charm-tracing", "tempo")
    assert json.loads(relation.local_app_data["receivers"]) == ["otlp_http"]


def test_rules_that_a_scraper_rejects_are_remarked_on(beacon: BeaconModel):
    event = json.dumps({"valid": False, "errors": "group beacon: parse error"})
    beacon.relate("metrics-endpoint", "prometheus", {"event": event})
    status = beacon.hook()
    assert status.name == "active"
    assert status.message.endswith("; prometheus rejected alert rules: group beacon: parse error")


@pytest.mark.parametrize(
    ("endpoint", "file"),
    [
        ("metrics-endpoint", "prometheus_alert_rules/broken.yaml"),
        ("metrics-endpoint", "prometheus_alert_rules/broken.rule"),
        ("grafana-dashboard", "grafana_dashboards/broken.json"),
    ],
)
@pytest.mark.parametrize(
    "content", [b"", b"groups: [{name: g}]", b"\xff\xfe"], ids=["empty", "no rules", "no UTF-8"]
)
def test_invalid_file_of_charm_is_remarked_on(
    beacon: BeaconModel,
    endpoint: str,
    file: str,
    content: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    shutil.copytree(CHARMS / "istio-beacon-k8s/src", tmp_path / "src")
    (tmp_path / "src" / file).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    relation = beacon.relate(endpoint, "cos")
    status = beacon.hook()
    assert status.name == "active"
    assert f"; invalid file {Path(file).name} is not sent: " in status.message
    assert len(status.message) <= 100
    sent = beacon.relation(relation).local_app_data
    assert json.loads(sent["alert_rules" if endpoint == "metrics-endpoint" else "dashboards"])
