"""The guide names all alerts and dashboards, and nothing else."""

import itertools
import re

import pytest

from coordinated_workers.telemetry.alert_rules import DEFAULT_RULES
from tests.support import dashboards
from tests.support.alert_rules import rules_in
from tests.support.pages import REPOSITORY

GUIDE = (REPOSITORY / "docs/how-to/watch-the-mesh.md").read_text()
FOLDERS = (DEFAULT_RULES, REPOSITORY / "charms/istio-beacon-k8s/src/prometheus_alert_rules")


@pytest.fixture
def tables() -> tuple[str, str]:
    """Alerts, and dashboards."""
    _, alerts, boards, _ = re.split(r"^## .*$", GUIDE, flags=re.MULTILINE)
    return alerts, boards


def test_every_alert_is_in_guide(tables: tuple[str, str]):
    files = itertools.chain.from_iterable(folder.rglob("*.yaml") for folder in FOLDERS)
    rules = [rule["alert"] for rule in rules_in(*files)]
    rows = [row.split("|")[1] for row in tables[0].splitlines() if row.startswith("| `")]
    assert set(re.findall(r"`(\w+)`", "".join(rows))) == set(rules)


def test_every_dashboard_is_in_guide(tables: tuple[str, str]):
    titles = {dashboards.read(file).title for file in dashboards.FILES}
    assert {row.split(" | ")[0].strip("| ") for row in tables[1].splitlines() if row.startswith("| ")} == {
        "dashboard",
        *titles,
    }
