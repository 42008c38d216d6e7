"""Metrics, alert rules, dashboards and traces of the waypoint and the beacon."""

from collections import Counter
from collections.abc import Collection
from pathlib import Path

import ops

import metrics_proxy
from cos_interfaces import alert_rules, grafana_dashboard, prometheus_scrape, tracing
from cos_interfaces.alert_rules import WatchedApp, charm_folder, read_folders
from problems import Problem, ProblemKind

METRICS = "metrics-endpoint"
DASHBOARDS = "grafana-dashboard"
TRACES = "charm-tracing"

_RULES = Path("src/prometheus_alert_rules")
_DASHBOARDS = Path("src/grafana_dashboards")
_JOB = prometheus_scrape.ScrapeJob(targets=(f"*:{metrics_proxy.PORT}",))


def publish(charm: ops.CharmBase, problems: Collection[Problem]) -> None:
    """Publish scrape jobs and dashboards; the leader also publishes the problems, as alert rules."""
    if charm.model.relations[METRICS]:
        rules = _rules(charm, problems) if charm.unit.is_leader() else None
        prometheus_scrape.publish(charm, [_JOB], rules, relation_name=METRICS)
    if charm.model.relations[DASHBOARDS]:
        dashboards = grafana_dashboard.read_folder(charm_folder(charm) / _DASHBOARDS)
        grafana_dashboard.publish(charm, dashboards, relation_name=DASHBOARDS)


def remarks(charm: ops.CharmBase) -> list[str]:
    """Return a remark on each invalid file of rules or dashboards, and each scraper that rejected rules."""
    invalid: dict[str, str] = {}
    if charm.unit.is_leader() and charm.model.relations[METRICS]:
        invalid |= alert_rules.invalid_files([charm_folder(charm) / _RULES])
    if charm.unit.is_leader() and charm.model.relations[DASHBOARDS]:
        invalid |= grafana_dashboard.invalid_files(charm_folder(charm) / _DASHBOARDS)
    rejections = prometheus_scrape.rejections(charm, relation_name=METRICS)
    return [
        *(f"invalid file {name} is not sent: {reason}" for name, reason in invalid.items()),
        *(f"{app} rejected alert rules: {error}" for app, error in rejections.items()),
    ]


def trace(charm: ops.CharmBase) -> None:
    """Send traces of the charm to the related application; the leader requests the endpoint."""
    if ops.tracing is None:
        return
    tracing.request(charm, ["otlp_http"], relation_name=TRACES)
    tracing.trace_charm(tracing.receivers(charm, relation_name=TRACES).get("otlp_http"))


def _rules(charm: ops.CharmBase, problems: Collection[Problem]) -> dict[str, object]:
    about = Counter(problem.kind for problem in problems)
    values = {
        "refused": about[ProblemKind.refused_policies],
        "pending": about[ProblemKind.pending_policies],
        "not_enforced": about[ProblemKind.enforcement],
        "waypoint": about[ProblemKind.waypoint],
        "failed": about[ProblemKind.work] + about[ProblemKind.work_on_waypoint],
    }
    folder = charm_folder(charm) / _RULES
    return {"groups": read_folders(charm, WatchedApp.of(charm), [folder], values=values)}
