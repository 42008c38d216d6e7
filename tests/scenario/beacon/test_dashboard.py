"""The waypoint's dashboard, as the beacon sends it."""

import json
from typing import Any

import pytest
from cosl import LZMABase64

from tests.scenario.beacon.beacon_model import BeaconModel
from tests.support import promtool
from tests.support.charms import CHARMS


@pytest.fixture
def dashboard(beacon: BeaconModel, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(CHARMS / "istio-beacon-k8s")
    relation = beacon.relate("grafana-dashboard", "grafana")
    sent = json.loads(beacon.relation(relation).local_app_data["dashboards"])
    (template,) = sent["templates"].values()
    return json.loads(LZMABase64.decompress(template["content"]))


def queries(dashboard: dict[str, Any]) -> dict[str, str]:
    return {panel["title"]: panel["targets"][0]["expr"] for panel in dashboard["panels"]}


def test_requests_are_shown_by_source_and_destination(dashboard: dict[str, Any]):
    who, whom = "source_workload", "destination_service_name"
    shown = queries(dashboard)
    assert who in shown["Requests by source and destination"]
    assert whom in shown["Requests by source and destination"]
    assert who in shown["Denied by source"]
    assert 'response_code="403"' in shown["Denied by source"]


def test_panels_have_own_place_and_description(dashboard: dict[str, Any]):
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(places)
    assert all(panel["description"] and panel["datasource"]["uid"] for panel in dashboard["panels"])


@promtool.needed
def test_prometheus_can_read_each_query(dashboard: dict[str, Any]):
    readable = {title: query.replace("$__rate_interval", "5m") for title, query in queries(dashboard).items()}
    assert promtool.complaint_about_queries(readable) == ""
