"""The service as a datasource of Grafana, whose plugin for JSON over HTTP shows values by key."""

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import ops

from charmlibs.interfaces.service_mesh import AppPolicy, Endpoint, Method
from cos_interfaces import grafana_datasource
from cos_interfaces.grafana_datasource import GrafanaSource
from kv_nginx import API_PORT

if TYPE_CHECKING:
    from cosl.interfaces.datasource_exchange import DatasourceDict

    from coordinated_workers.coordinator import Coordinator

logger = logging.getLogger(__name__)

RELATION = "grafana-source"

POLICY = AppPolicy(
    relation=RELATION, endpoints=[Endpoint(ports=[API_PORT], methods=[Method.get], paths=["/kv/{*}"])]
)
"""Requests that Grafana may make through the mesh: reads only."""

_TYPE = "yesoreyeram-infinity-datasource"


def publish(charm: ops.CharmBase, coordinator: "Coordinator", url: str) -> None:
    """Publish the service as a datasource to each related Grafana, and its uid there to other databases."""
    grafana_datasource.publish(charm, GrafanaSource(type=_TYPE, url=url), relation_name=RELATION)
    exchanges = [*charm.model.relations["send-datasource"], *charm.model.relations["receive-datasource"]]
    if charm.unit.is_leader() and exchanges:
        try:
            coordinator.datasource_exchange.publish(_datasources(charm))
        except ops.ModelError as error:  # Juju has removed the relation already
            logger.warning("datasources not published: %s", error)


def _datasources(charm: ops.CharmBase) -> "Iterator[DatasourceDict]":
    """Return the datasource of each unit in each related Grafana."""
    for grafana, uids in grafana_datasource.datasource_uids(charm, relation_name=RELATION).items():
        for uid in uids.values():
            yield {"type": _TYPE, "uid": uid, "grafana_uid": grafana}
