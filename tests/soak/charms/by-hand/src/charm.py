"""A consumer like those of the first library, without any library."""

import json

import ops
from lightkube import Client

from charmlibs.interfaces.service_mesh import reconcile_charm_labels

PORT = 8000


class ByHand(ops.CharmBase):
    """Allows requests of related applications, and if configured also to another application."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        mesh, site = self.on["service-mesh"], self.on["site"]
        for event in (
            *(mesh.relation_created, mesh.relation_changed, mesh.relation_broken),
            *(site.relation_created, site.relation_broken),
            *(self.on.config_changed, self.on.leader_elected, self.on.upgrade_charm),
        ):
            framework.observe(event, self._reconcile)

    def _reconcile(self, _: ops.EventBase) -> None:
        self.unit.status = ops.ActiveStatus()
        if not self.unit.is_leader():
            return
        labels: dict[str, str] = {}
        for relation in self.model.relations["service-mesh"]:
            relation.data[self.app]["policies"] = json.dumps(list(self._policies()))
            labels = json.loads(relation.data[relation.app].get("labels", "{}"))
        reconcile_charm_labels(
            client=Client(namespace=self.model.name, field_manager=self.app.name),
            app_name=self.app.name,
            namespace=self.model.name,
            label_configmap_name=f"juju-service-mesh-{self.app.name}-labels",
            labels=labels,
        )

    def _policies(self):
        for target in filter(None, (self.app.name, str(self.config["also-open"]))):
            for relation in self.model.relations["site"]:
                yield {
                    "source_app_name": relation.app.name,
                    "source_namespace": self.model.name,
                    "target_app_name": target,
                    "target_namespace": self.model.name,
                    "target_service": None,
                    "endpoints": [{"hosts": None, "ports": [PORT], "methods": ["GET"], "paths": None}],
                }


if __name__ == "__main__":
    ops.main(ByHand)
