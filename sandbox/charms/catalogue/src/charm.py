"""A catalogue: a sample of a charm that declares policies."""

import ops
import web_workload

from charmlibs.interfaces.service_mesh import AppPolicy, Endpoint, Method, ServiceMeshConsumer, UnitPolicy
from cos_interfaces import prometheus_scrape

PORT, METRICS_PORT = 8080, 9100


class Catalogue(ops.CharmBase):
    """Allows related applications to read the items, and scrapers the metrics."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.mesh = ServiceMeshConsumer(
            self,
            policies=[
                AppPolicy(
                    relation="catalogue",
                    endpoints=[Endpoint(ports=[PORT], methods=[Method.get], paths=["/items", "/items/{*}"])],
                ),
                UnitPolicy(relation="metrics-endpoint", ports=[METRICS_PORT]),
            ],
        )
        metrics = self.on["metrics-endpoint"]
        for event in (
            self.on.start,
            self.on.web_pebble_ready,
            self.on.leader_elected,
            metrics.relation_joined,
        ):
            framework.observe(event, self._reconcile)

    def _reconcile(self, _: ops.EventBase) -> None:
        self.unit.set_ports(PORT, METRICS_PORT)
        web_workload.run(self.unit.get_container("web"), self.app.name, PORT, METRICS_PORT)
        prometheus_scrape.publish(self, [prometheus_scrape.ScrapeJob(targets=(f"*:{METRICS_PORT}",))])
        self.unit.status = ops.ActiveStatus()


if __name__ == "__main__":
    ops.main(Catalogue)
