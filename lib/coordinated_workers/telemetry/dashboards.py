"""The dashboards of a cluster, for Grafana: this library's and the charm's."""

from pathlib import Path

import ops

from cos_interfaces import grafana_dashboard
from cos_interfaces.alert_rules import charm_folder

_DASHBOARDS = Path("src/grafana_dashboards")
_DEFAULT_DASHBOARDS = Path(__file__).with_name("default_dashboards")


def publish(charm: ops.CharmBase, relation_name: str) -> None:
    """Publish this library's dashboards and the charm's to Grafana; of the same name, the charm's."""
    dashboards: dict[str, str] = {}
    for folder in (_DEFAULT_DASHBOARDS, charm_folder(charm) / _DASHBOARDS):
        dashboards |= grafana_dashboard.read_folder(folder)
    grafana_dashboard.publish(charm, dashboards, relation_name=relation_name)


def invalid_files(charm: ops.CharmBase) -> dict[str, str]:
    """Return the reason for each of the charm's files that is not sent, by the file's name."""
    return grafana_dashboard.invalid_files(charm_folder(charm) / _DASHBOARDS)
