"""The names of Istio's metrics, on which dashboards and alerts of the waypoint rely, in Istio's own source.

The sandbox's waypoint uses the same names, but counts by itself.
"""

import re
from pathlib import Path

import pytest

from sandbox.control_plane import NotAvailableError, module_folders
from tests.support import dashboards
from tests.support.alert_rules import rules_in
from tests.support.charms import CHARMS

pytestmark = pytest.mark.fidelity

BEACON = CHARMS / "istio-beacon-k8s/src"
OURS = {"juju_model", "juju_application", "juju_unit", "instance", "le"}
"""Labels of scrapers, of Juju and of histograms."""


@pytest.fixture(scope="module")
def istio() -> Path:
    """Istio's source, in the version that istiod is built from."""
    try:
        return module_folders("istio.io/istio")["istio.io/istio"]
    except NotAvailableError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def queries() -> str:
    """All queries of Istio's series."""
    board = dashboards.read(BEACON / "grafana_dashboards/waypoint.json")
    alerts = [rule["expr"] for rule in rules_in(BEACON / "prometheus_alert_rules/waypoint.yaml")]
    return "\n".join([*board.queries("prometheus").values(), *alerts])


def test_istio_has_each_series_that_is_asked_for(istio: Path, queries: str):
    tests, boards = "tests/integration/ambient/baseline_test.go", "manifests/addons/dashboards"
    said_by = {
        "istio_requests_total": tests,
        "istio_request_duration_milliseconds_bucket": f"{boards}/istio-service-dashboard.json",
    }
    agent = "istio_agent_"
    for name in set(re.findall(r"\bistio_\w+(?=\{)", queries)):
        if name.startswith(agent):
            assert f'WithPrefix("{agent}"' in (istio / "pilot/cmd/pilot-agent/status/server.go").read_text()
            metrics = (istio / "security/pkg/nodeagent/cache/monitoring.go").read_text()
            assert f'"{name.removeprefix(agent)}"' in metrics
        else:
            assert name in (istio / said_by[name]).read_text()


def test_waypoint_has_each_label_that_is_looked_at(istio: Path, queries: str):
    query_of_waypoints = (istio / "tests/integration/ambient/baseline_test.go").read_text()
    labels = set(re.findall(r'"(\w+)": +', query_of_waypoints))
    assert re.search(r'"reporter": +"waypoint"', query_of_waypoints)
    requested = set(re.findall(r"(\w+)(?:=~|=)\"", queries))
    for group in re.findall(r"\bby \(([^)]*)\)", queries):
        requested |= {label.strip() for label in group.split(",")}
    assert {"source_workload", "destination_service_name", "response_code"} <= requested
    assert requested - OURS <= labels
