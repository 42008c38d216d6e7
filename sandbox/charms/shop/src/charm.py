"""A client: a sample of a charm that sends requests, also to other models."""

import ops
import web_workload

from charmlibs.interfaces.service_mesh import ServiceMeshConsumer, UnitPolicy
from cos_interfaces import prometheus_scrape

PORT, METRICS_PORT = 8080, 9100


class Shop(ops.CharmBase):
    """Needs a catalogue."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.mesh = ServiceMeshConsumer(
            self, policies=[UnitPolicy(relation="metrics-endpoint", ports=[METRICS_PORT])]
        )
        for event in (self.on.start, self.on.web_pebble_ready, self.on.leader_elected):
            framework.observe(event, self._reconcile)
        framework.observe(self.on["metrics-endpoint"].relation_joined, self._reconcile)
        framework.observe(self.on.collect_unit_status, self._show_status)

    def _reconcile(self, _: ops.EventBase) -> None:
        self.unit.set_ports(PORT, METRICS_PORT)
        web_workload.run(self.unit.get_container("web"), self.app.name, PORT, METRICS_PORT)
        prometheus_scrape.publish(self, [prometheus_scrape.ScrapeJob(targets=(f"*:{METRICS_PORT}",))])

    def _show_status(self, event: ops.CollectStatusEvent) -> None:
        catalogues = [relation for relation in self.model.relations["catalogue"] if relation.active]
        if not catalogues:
            event.add_status(ops.BlockedStatus("integrate with a catalogue"))
        event.add_status(ops.ActiveStatus())


if __name__ == "__main__":
    ops.main(Shop)
