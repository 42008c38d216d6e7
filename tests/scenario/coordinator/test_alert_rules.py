"""Alert rules of a coordinator and its workers, as this library sends them."""

import pytest
from ops import testing

from tests.scenario.coordinator.field_cluster import MODEL, Cluster, published, store, workers
from tests.support import promtool

METRICS = testing.Relation("metrics-endpoint", remote_app_name="prometheus")
FIELD = f'juju_model="m", juju_model_uuid="{MODEL.uuid}", juju_application="field", juju_unit="field/0"'
WORKER = f'juju_model="m", juju_model_uuid="{MODEL.uuid}", juju_application="worker", juju_unit="worker/UNIT"'
NGINX, EXPORTER = f"nginx_up{{{FIELD}}}", f"up{{{FIELD}}}"
WORKERS = tuple(f"up{{{WORKER.replace('UNIT', str(unit))}}}" for unit in range(2))
FINE = dict.fromkeys((NGINX, EXPORTER, *WORKERS), "1+0x30")

pytestmark = promtool.needed


@pytest.fixture(autouse=True)
def in_a_folder_without_rules(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def rules(cluster: Cluster) -> dict:
    """Return the rules sent while all is well."""
    return published(cluster.run(METRICS, store(), workers(units=2)), METRICS)["alert_rules"]


def alert_differences(rules: dict, series: dict[str, str], *, minutes: int = 20, **fires: int) -> str:
    return promtool.alert_differences(rules, series, minutes=minutes, fires=fires)


def test_prometheus_takes_them(rules: dict):
    assert promtool.complaint(rules) == ""


def test_nothing_fires_while_all_is_well(rules: dict):
    assert alert_differences(rules, FINE) == ""


def test_nginx_that_is_down_is_reported(rules: dict):
    assert alert_differences(rules, {**FINE, NGINX: "0+0x30"}, CoordinatorNginxDown=1) == ""


def test_one_worker_down_does_not_alert_for_proxy(rules: dict):
    assert alert_differences(rules, {**FINE, WORKERS[0]: "0+0x30"}, WorkerDown=1) == ""


def test_proxy_without_traffic_alerts(rules: dict):
    silent = dict.fromkeys(WORKERS, "0+0x30")
    assert alert_differences(rules, {**FINE, **silent}, WorkerDown=2, WorkerTelemetryProxyFailing=1) == ""


def test_unscraped_workers_raise_an_alert(rules: dict):
    assert alert_differences(rules, {NGINX: "1+0x30", EXPORTER: "1+0x30"}, WorkersMissing=1) == ""


def test_long_failing_coordinator_alerts(cluster: Cluster):
    # There is no object store, which the cluster needs.
    rules = published(cluster.run(METRICS, workers(units=2)), METRICS)["alert_rules"]
    assert alert_differences(rules, FINE, minutes=14) == ""
    assert alert_differences(rules, FINE, CoordinatorReconcileFailing=1) == ""


def test_directly_scraped_workers_have_no_proxy_alert(cluster: Cluster):
    from tests.scenario.coordinator.field_coordinator import DirectCoordinator

    cluster.charm = DirectCoordinator
    rules = published(cluster.run(METRICS, store(), workers(units=2)), METRICS)["alert_rules"]
    assert alert_differences(rules, {**FINE, **dict.fromkeys(WORKERS, "0+0x30")}, WorkerDown=2) == ""
