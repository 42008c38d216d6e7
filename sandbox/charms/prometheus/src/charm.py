"""A scraper's relations, without a scraper."""

import ops

from charmlibs.interfaces.service_mesh import ServiceMeshConsumer


class Prometheus(ops.CharmBase):
    """Has the relations for scraping."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.mesh = ServiceMeshConsumer(self)
        framework.observe(self.on.collect_unit_status, self._show_status)

    def _show_status(self, event: ops.CollectStatusEvent) -> None:
        targets = sum(len(relation.units) for relation in self.model.relations["metrics-endpoint"])
        event.add_status(ops.ActiveStatus(f"{targets} {'target' if targets == 1 else 'targets'}"))


if __name__ == "__main__":
    ops.main(Prometheus)
