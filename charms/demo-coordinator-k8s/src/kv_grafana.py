"""The service as a datasource of Grafana, whose plugin for JSON over HTTP can show what is under a key."""

from typing import TYPE_CHECKING

import ops

from charmlibs.interfaces.service_mesh import AppPolicy, Endpoint, Method
from cos_interfaces import grafana_datasource
from cos_interfaces.grafana_datasource import GrafanaSource
from kv_nginx import API_PORT

if TYPE_CHECKING:
    from coordinated_workers.coordinator import Coordinator

RELATION = "grafana-source"

POLICY = AppPolicy(
    relation=RELATION, endpoints=[Endpoint(ports=[API_PORT], methods=[Method.get], paths=["/kv/{*}"])]
)
"""What Grafana may do through the mesh: read."""

_TYPE = "yesoreyeram-infinity-datasource"


def publish(charm: ops.CharmBase, coordinator: "Coordinator", url: str) -> None:
    """Be a datasource of each related Grafana, and tell other databases what it is called there."""
    grafana_datasource.publish(charm, GrafanaSource(type=_TYPE, url=url), relation_name=RELATION)
    exchanges = [*charm.model.relations["send-datasource"], *charm.model.relations["receive-datasource"]]
    if charm.unit.is_leader() and exchanges:
        coordinator.datasource_exchange.publish(
            {"type": _TYPE, "uid": uid, "grafana_uid": grafana}
            for grafana, uids in grafana_datasource.datasource_uids(charm, relation_name=RELATION).items()
            for uid in uids.values()
        )
