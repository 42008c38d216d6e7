#!/usr/bin/env python3
"""A server, a client or an unrelated application in the mesh."""

import ops

import requester
import web
from charmlibs.interfaces.service_mesh import AppPolicy, Endpoint, Method, ServiceMeshConsumer, UnitPolicy


class MeshTesterCharm(ops.CharmBase):
    """Allows requests of related testers, and requests access to others as configured."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        open_paths = Endpoint(ports=[web.PORT], methods=[Method.get], paths=["/open", "/open/*"])
        self.mesh = ServiceMeshConsumer(
            self,
            policies=[
                AppPolicy(relation="web", endpoints=[open_paths]),
                UnitPolicy(relation="web", ports=[web.METRICS_PORT]),
            ],
        )
        for event in (self.on.start, self.on.upgrade_charm, self.on.web_pebble_ready):
            framework.observe(event, self._reconcile)
        framework.observe(self.on.fetch_action, self._fetch)
        framework.observe(self.on.collect_unit_status, self._show_status)

    def _reconcile(self, _: ops.EventBase) -> None:
        self.unit.set_ports(web.PORT, web.METRICS_PORT)
        container = self.unit.get_container(web.CONTAINER)
        if container.can_connect():
            web.run(container)

    def _fetch(self, event: ops.ActionEvent) -> None:
        params = event.params
        event.set_results(requester.fetch(params["url"], params["method"], params["body"]))

    def _show_status(self, event: ops.CollectStatusEvent) -> None:
        if not self.unit.get_container(web.CONTAINER).can_connect():
            event.add_status(ops.WaitingStatus(f"container {web.CONTAINER} is not up yet"))
        event.add_status(ops.ActiveStatus())


if __name__ == "__main__":
    ops.main(MeshTesterCharm)
