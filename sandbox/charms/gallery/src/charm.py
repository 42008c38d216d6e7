"""A sample of the other end of the relations of Grafana and of a catalogue."""

import json
from collections.abc import Iterator

import ops
from cosl.interfaces.datasource_exchange import DatasourceExchange

from charmlibs.interfaces.service_mesh import ServiceMeshConsumer
from cos_interfaces import catalogue, grafana_dashboard, grafana_datasource

_UID = "gallery"


class Gallery(ops.CharmBase):
    """Accepts dashboards and sources, and publishes a datasource of its own."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.mesh = ServiceMeshConsumer(self)
        self._exchange = DatasourceExchange(
            self, provider_endpoint="send-datasource", requirer_endpoint="receive-datasource"
        )
        for event in self._events():
            framework.observe(event, self._reconcile)
        framework.observe(self.on.show_action, self._show)

    def _events(self) -> Iterator[ops.BoundEvent]:
        yield from (self.on.start, self.on.leader_elected)
        for relation in ("send-datasource", "receive-datasource", "grafana-source"):
            yield from (self.on[relation].relation_created, self.on[relation].relation_changed)

    def _reconcile(self, _: ops.EventBase) -> None:
        grafana_datasource.answer(self, _UID)
        if self.unit.is_leader():
            self._exchange.publish([{"type": "tempo", "uid": "traces", "grafana_uid": _UID}])
        self.unit.status = ops.ActiveStatus()

    def _show(self, event: ops.ActionEvent) -> None:
        dashboards = grafana_dashboard.dashboards(self)
        sources = grafana_datasource.sources(self)
        event.set_results(
            {
                "dashboards": json.dumps(sorted(json.loads(text)["title"] for text in dashboards.values())),
                "listed": json.dumps([f"{item.name} at {item.url}" for item in catalogue.items(self)]),
                "sources": json.dumps([f"{source.type} at {source.url}" for source in sources.values()]),
                "exchanged": json.dumps(
                    sorted({f"{each.type} {each.uid}" for each in self._exchange.received_datasources})
                ),
            }
        )


if __name__ == "__main__":
    ops.main(Gallery)
