"""What the beacon lets Prometheus watch and Grafana show: the waypoint, and the beacon itself."""

from collections.abc import Collection
from pathlib import Path

import ops

import metrics_proxy
from cos_interfaces import grafana_dashboard, prometheus_scrape
from cos_interfaces.alert_rules import WatchedApp, charm_folder, read_folders

METRICS = "metrics-endpoint"
DASHBOARDS = "grafana-dashboard"

_RULES = Path("src/prometheus_alert_rules")
_DASHBOARDS = Path("src/grafana_dashboards")
_JOB = prometheus_scrape.ScrapeJob(targets=(f"*:{metrics_proxy.PORT}",))


def publish(charm: ops.CharmBase, statuses: Collection[ops.StatusBase], refused: int) -> None:
    """Tell scrapers and Grafana what there is; the leader also tells what stands in the beacon's way.

    Args:
        charm: the beacon.
        statuses: all that there is to say of this hook's work.
        refused: how many policies are not made true, which is no problem of the beacon's.
    """
    if charm.model.relations[METRICS]:
        rules = _rules(charm, statuses, refused) if charm.unit.is_leader() else None
        prometheus_scrape.publish(charm, [_JOB], rules, relation_name=METRICS)
    if charm.model.relations[DASHBOARDS]:
        dashboards = grafana_dashboard.read_folder(charm_folder(charm) / _DASHBOARDS)
        grafana_dashboard.publish(charm, dashboards, relation_name=DASHBOARDS)


def _rules(charm: ops.CharmBase, statuses: Collection[ops.StatusBase], refused: int) -> dict[str, object]:
    not_fine = sum(not isinstance(status, ops.ActiveStatus) for status in statuses)
    # Of all that is refused, one status tells.
    problems = not_fine - bool(refused)
    values = {"refused": refused, "problems": problems}
    folder = charm_folder(charm) / _RULES
    return {"groups": read_folders(charm, WatchedApp.of(charm), [folder], values=values)}
