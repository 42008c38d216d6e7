"""The data that a coordinator publishes to the charms that observe its cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ops

from cos_interfaces import grafana_dashboard, loki_push_api, prometheus_scrape
from cos_interfaces.alert_rules import WatchedApp, charm_folder

from . import alert_rules, scrape_jobs
from .alert_rules import Lifetime
from .proxy import WorkerTelemetryProxy
from .routes import TelemetryBackends
from .scrape_jobs import NginxExporter, Scheme, ScrapedWorker

_DASHBOARDS = Path("src/grafana_dashboards")
_DEFAULT_DASHBOARDS = Path(__file__).with_name("default_dashboards")


@dataclass(frozen=True)
class ClusterTelemetry:
    """The workers of a cluster, and where their telemetry goes."""

    workers: Sequence[ScrapedWorker]
    worker_metrics_port: int
    backends: TelemetryBackends
    """The backends themselves."""
    proxy: WorkerTelemetryProxy | None
    """The routes of the workers' telemetry through the coordinator; None if they send it to the backends."""

    @property
    def backends_for_workers(self) -> TelemetryBackends:
        """The backends as workers know them: at the proxy, if there is one."""
        return self.proxy.backends if self.proxy else self.backends

    @property
    def worker_apps(self) -> list[WatchedApp]:
        """The worker applications, by name."""
        apps = {
            worker.application: WatchedApp(worker.application, worker.charm_name) for worker in self.workers
        }
        return [apps[name] for name in sorted(apps)]


def invalid_files(charm: ops.CharmBase) -> dict[str, str]:
    """Return the reason for each file of rules or dashboards that is not sent, by the file's name."""
    dashboards = grafana_dashboard.invalid_files(charm_folder(charm) / _DASHBOARDS)
    return {**alert_rules.invalid_files(charm), **dashboards}


@dataclass(frozen=True)
class CoordinatorMetrics:
    """The coordinator's own metrics, and what the rules of Prometheus know of it."""

    exporters: Mapping[str, NginxExporter]
    """Unit of the coordinator → the exporter next to its nginx."""
    exporter_port: int
    worker_scheme: Scheme
    """The scheme of the workers' own metrics."""
    problems: int
    """The number of problems that the coordinator has."""
    certificate: Lifetime | None


def publish_dashboards(charm: ops.CharmBase, relation_name: str) -> None:
    """Publish this library's dashboards and the charm's to Grafana; of the same name, the charm's."""
    dashboards: dict[str, str] = {}
    for folder in (_DEFAULT_DASHBOARDS, charm_folder(charm) / _DASHBOARDS):
        dashboards |= grafana_dashboard.read_folder(folder)
    grafana_dashboard.publish(charm, dashboards, relation_name=relation_name)


def publish_logs_rules(charm: ops.CharmBase, telemetry: ClusterTelemetry, relation_name: str) -> None:
    """Publish the alert rules on logs to Loki; leader only."""
    if charm.unit.is_leader():
        is_proxied = telemetry.proxy is not None
        rules = alert_rules.logs_rules(charm, telemetry.worker_apps, proxied=is_proxied)
        loki_push_api.publish(charm, rules, relation_name=relation_name)


def publish_metrics(
    charm: ops.CharmBase, telemetry: ClusterTelemetry, own: CoordinatorMetrics, relation_name: str
) -> None:
    """Publish scrape jobs and alert rules to Prometheus."""
    rules = None
    if charm.unit.is_leader():
        rules = alert_rules.metrics_rules(
            charm,
            telemetry.worker_apps,
            problems=own.problems,
            certificate=own.certificate,
            proxied=telemetry.proxy is not None,
        )
    of_workers = scrape_jobs.worker_jobs(
        charm,
        telemetry.workers,
        metrics_port=telemetry.worker_metrics_port,
        scheme=own.worker_scheme,
        proxy=telemetry.proxy,
    )
    of_nginx = scrape_jobs.nginx_jobs(charm, own.exporters, exporter_port=own.exporter_port)
    prometheus_scrape.publish(
        charm,
        [*of_workers, *of_nginx],
        rules,
        relation_name=relation_name,
        address=own.exporters[charm.unit.name].host,
    )
