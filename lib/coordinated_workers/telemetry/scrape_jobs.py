"""The scrape jobs of a cluster: the workers, and the nginx of each coordinator unit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import ops

from cos_interfaces import authority
from cos_interfaces.prometheus_scrape import ScrapeJob

from .proxy import WorkerTelemetryProxy

ROLES_LABEL = "worker_roles"
"""The label of each series of a worker, for a workload's own series lack the roles of a cluster."""

Scheme = Literal["http", "https"]


@dataclass(frozen=True)
class NginxExporter:
    """The exporter of nginx's metrics of a unit of the coordinator."""

    host: str
    scheme: Scheme


@dataclass(frozen=True)
class ScrapedWorker:
    """A unit of a worker application."""

    name: str
    application: str
    charm_name: str
    address: str
    roles: str
    """The roles as published, comma-joined; empty if there are none."""
    is_routable: bool = True
    """True if requests can be sent to its address."""


def worker_jobs(
    charm: ops.CharmBase,
    workers: Iterable[ScrapedWorker],
    *,
    metrics_port: int,
    scheme: Scheme,
    proxy: WorkerTelemetryProxy | None,
) -> list[ScrapeJob]:
    """Return one job for each worker, whose series have the worker's labels also behind a proxy.

    The scheme is the proxy's then, and workers without a route there have no job: no scraper could reach
    them.
    """
    paths = proxy.metrics_paths if proxy else {}
    if proxy:
        scheme = "https" if proxy.server.tls else "http"
    return [
        ScrapeJob(
            targets=(proxy.server.authority if proxy else authority(worker.address, metrics_port),),
            path=paths[worker.name] if proxy else "/metrics",
            scheme=scheme,
            labels={
                **_labels(charm, worker.application, worker.name, worker.charm_name),
                **({ROLES_LABEL: worker.roles} if worker.roles else {}),
            },
        )
        for worker in workers
        if (worker.name in paths if proxy else worker.is_routable)
    ]


def nginx_jobs(
    charm: ops.CharmBase,
    exporters: Mapping[str, NginxExporter],
    *,
    exporter_port: int,
) -> list[ScrapeJob]:
    """Return one job for each unit of the coordinator, by its name in `exporters`."""
    return [
        ScrapeJob(
            targets=(authority(exporter.host, exporter_port),),
            scheme=exporter.scheme,
            labels=_labels(charm, charm.app.name, unit, charm.meta.name),
        )
        for unit, exporter in exporters.items()
    ]


def _labels(charm: ops.CharmBase, application: str, unit: str, charm_name: str) -> dict[str, str]:
    return {
        "juju_model": charm.model.name,
        "juju_model_uuid": charm.model.uuid,
        "juju_application": application,
        "juju_unit": unit,
        "juju_charm": charm_name,
    }
