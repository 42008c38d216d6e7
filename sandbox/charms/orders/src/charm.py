"""Orders: a sample of a charm that is built on the published library."""

import ops
import web_workload

from charmlibs.interfaces.service_mesh import AppPolicy, Endpoint, Method, ServiceMeshConsumer

PORT = 8080


class Orders(ops.CharmBase):
    """Allows related applications to post orders."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        endpoint = Endpoint(ports=[PORT], methods=[Method.post], paths=["/orders"])
        self.mesh = ServiceMeshConsumer(self, policies=[AppPolicy(relation="orders", endpoints=[endpoint])])
        for event in (self.on.start, self.on.web_pebble_ready):
            framework.observe(event, self._reconcile)

    def _reconcile(self, _: ops.EventBase) -> None:
        self.unit.set_ports(PORT)
        web_workload.run(self.unit.get_container("web"), self.app.name, PORT)
        self.unit.status = ops.ActiveStatus()


if __name__ == "__main__":
    ops.main(Orders)
