"""A charm in the mesh that allows the applications related to it."""

import ops
from library import AppPolicy, Endpoint, Method, ServiceMeshConsumer, UnitPolicy


class MeasuredConsumer(ops.CharmBase):
    """The library does everything."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        endpoints = [Endpoint(ports=[80], methods=[Method.get], paths=["/data/{*}"])]
        self._mesh = ServiceMeshConsumer(
            self,
            policies=[
                AppPolicy(relation="data", endpoints=endpoints),
                UnitPolicy(relation="data", ports=[9100]),
            ],
            auto_join=False,
        )


if __name__ == "__main__":
    ops.main(MeasuredConsumer)
