"""The same consumer, on the library."""

import ops

from charmlibs.interfaces.service_mesh import AppPolicy, Endpoint, Method, ServiceMeshConsumer

PORT = 8000


class ByLibrary(ops.CharmBase):
    """Allows requests of related applications."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        endpoint = Endpoint(ports=[PORT], methods=[Method.get])
        self.mesh = ServiceMeshConsumer(self, policies=[AppPolicy(relation="site", endpoints=[endpoint])])
        framework.observe(self.on.config_changed, self._on_config_changed)

    def _on_config_changed(self, _: ops.EventBase) -> None:
        self.unit.status = ops.ActiveStatus()


if __name__ == "__main__":
    ops.main(ByLibrary)
