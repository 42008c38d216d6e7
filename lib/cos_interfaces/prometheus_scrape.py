"""Scrape jobs for Prometheus: the scraped charm's side of `prometheus_scrape`.

In the charm's reconcile::

    prometheus_scrape.publish(self, [ScrapeJob(targets=("*:9090",))])
"""

import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import ops

import relation_data

from ._events import rejections as _rejections
from ._hosts import authority
from ._topology import topology


@dataclass(frozen=True)
class ScrapeJob:
    """Metrics that a scraper should collect, from targets of one kind."""

    targets: tuple[str, ...]
    """Addresses as `host:port`; the scraper takes `*:port` to mean that port of each unit."""
    path: str = "/metrics"
    scheme: Literal["http", "https"] = "http"
    name: str | None = None
    """The job's name in Prometheus, beside the application's; the scraper numbers jobs without one."""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    """Labels of every series, in place of those that the scraper would give it."""

    def as_scrape_config(self) -> dict[str, object]:
        """Return the job as in Prometheus' own configuration."""
        config: dict[str, object] = {
            "metrics_path": self.path,
            "scheme": self.scheme,
            "static_configs": [{"targets": list(self.targets)}],
        }
        if self.name:
            config["job_name"] = self.name
        if self.labels:
            # Scrapers write the topology of the related charm over the labels of a static config;
            # relabelling comes after that.
            config["relabel_configs"] = [
                {"target_label": label, "replacement": value} for label, value in sorted(self.labels.items())
            ]
        return config


def publish(
    charm: ops.CharmBase,
    jobs: Sequence[ScrapeJob],
    alert_rules: Mapping[str, object] | None = None,
    *,
    relation_name: str = "metrics-endpoint",
    address: str | None = None,
) -> None:
    """Publish scrape jobs to each related scraper; writes only changes.

    Every unit publishes its address; the leader also publishes the jobs and rules.

    Args:
        charm: The charm that is scraped.
        jobs: The jobs, in the order in which the scraper gets them.
        alert_rules: `{"groups": [...]}` as in a file of Prometheus rules, labelled with the charm's topology.
        relation_name: The relation's name in charmcraft.yaml.
        address: The host that `*` stands for on this unit; its fully qualified domain name if None.
    """
    for relation in charm.model.relations[relation_name]:
        relation_data.write(
            relation,
            charm.unit,
            {
                "prometheus_scrape_unit_address": authority(address or socket.getfqdn()),
                "prometheus_scrape_unit_name": charm.unit.name,
                "prometheus_scrape_unit_path": "",
            },
        )
        if charm.unit.is_leader():
            relation_data.write(
                relation,
                charm.app,
                {
                    "scrape_jobs": json.dumps([job.as_scrape_config() for job in jobs]),
                    "scrape_metadata": json.dumps(topology(charm)),
                    "alert_rules": json.dumps(alert_rules) if alert_rules else "",
                },
            )


def rejections(charm: ops.CharmBase, *, relation_name: str = "metrics-endpoint") -> dict[str, str]:
    """Return the scrapers that rejected the charm's alert rules, each with its error."""
    return _rejections(charm, relation_name)
