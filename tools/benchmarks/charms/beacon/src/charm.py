"""A minimal beacon: it reads the requested policies, and writes them to Kubernetes."""

import ops
from library import MeshType, PolicyResourceManager, ServiceMeshProvider, kubernetes_client


class Beacon(ops.CharmBase):
    """Reconciles at each event."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        labels = {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "waypoint"}
        self._mesh = ServiceMeshProvider(self, labels=labels, mesh_type=MeshType.istio)
        for event in (
            self.on.update_status,
            self.on["service-mesh"].relation_created,
            self.on["service-mesh"].relation_changed,
        ):
            framework.observe(event, self._reconcile)

    def _reconcile(self, _: ops.EventBase) -> None:
        self._mesh.update_relations()
        name = f"{self.app.name}-{self.model.name}"
        client = kubernetes_client(namespace=self.model.name, field_manager=name)
        labels = {"app.kubernetes.io/instance": name, "kubernetes-resource-handler-scope": "policies"}
        result = PolicyResourceManager(self, client, labels).reconcile(self._mesh.mesh_info(), MeshType.istio)
        failed = result.failed if result else ()
        self.unit.status = ops.WaitingStatus(str(failed[0])) if failed else ops.ActiveStatus()


if __name__ == "__main__":
    ops.main(Beacon)
