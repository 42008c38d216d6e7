"""The alert rules of a cluster, for Prometheus and Loki: this library's and the charm's."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import ops

from cos_interfaces import alert_rules
from cos_interfaces.alert_rules import WatchedApp, charm_folder, read_folders

DEFAULT_RULES = Path(__file__).with_name("default_alert_rules")
CHARM_METRICS_RULES = Path("src/prometheus_alert_rules")
CHARM_LOGS_RULES = Path("src/loki_alert_rules")

# As a share of a certificate's lifetime. It is renewed when a tenth of it is left.
_REST_OF_AN_ALERT = 0.05


@dataclass(frozen=True)
class Lifetime:
    """The validity period of a certificate."""

    start: datetime
    end: datetime


def metrics_rules(
    charm: ops.CharmBase,
    workers: Iterable[WatchedApp],
    *,
    problems: int,
    certificate: Lifetime | None,
    proxied: bool,
) -> dict[str, object]:
    """Return the Prometheus rules for a coordinator with this number of problems, and for its workers."""
    this, own = WatchedApp.of(charm), charm_folder(charm) / CHARM_METRICS_RULES
    groups = read_folders(charm, this, (DEFAULT_RULES / "nginx", own / "nginx"))
    groups += read_folders(charm, this, [DEFAULT_RULES / "coordinator"], values={"problems": problems})
    if certificate:
        left = _REST_OF_AN_ALERT * (certificate.end - certificate.start).total_seconds()
        values = {"certificate_end": int(certificate.end.timestamp()), "certificate_rest": int(left)}
        groups += read_folders(charm, this, [DEFAULT_RULES / "certificate"], values=values)
    for worker in workers:
        groups += read_folders(charm, worker, (DEFAULT_RULES / "workers", own / "workers"))
        if proxied:
            groups += read_folders(charm, worker, [DEFAULT_RULES / "telemetry_proxy"])
    return {"groups": groups}


def logs_rules(charm: ops.CharmBase, workers: Iterable[WatchedApp], *, proxied: bool) -> dict[str, object]:
    """Return the Loki rules for the logs of the coordinator and of each worker application."""
    this, own = WatchedApp.of(charm), charm_folder(charm) / CHARM_LOGS_RULES
    groups = read_folders(charm, this, [DEFAULT_RULES / "logs"], language="logql") if proxied else []
    for app in (this, *workers):
        groups += read_folders(charm, app, [own], language="logql")
    return {"groups": groups} if groups else {}


def invalid_files(charm: ops.CharmBase) -> dict[str, str]:
    """Return the reason for each of the charm's files that is not sent, by the file's name."""
    folder = charm_folder(charm)
    metrics = folder / CHARM_METRICS_RULES
    return alert_rules.invalid_files((metrics / "nginx", metrics / "workers", folder / CHARM_LOGS_RULES))
