"""A worker like those of published charms, written from the package's documentation only."""

import ops

from coordinated_workers.worker import CONFIG_FILE, Worker

METADATA = {
    "name": "field-worker-k8s",
    "containers": {"field": {"resource": "field-image"}},
    "resources": {"field-image": {"type": "oci-image"}},
    "requires": {"field-cluster": {"interface": "field_cluster", "limit": 1}},
}
CONFIG = {
    "options": {
        f"role-{role}": {"type": "boolean", "default": role == "all"}
        for role in ("all", "querier", "ingester")
    }
}


class FieldWorker(ops.CharmBase):
    """A worker of the workload whose coordinator is `FieldCoordinator`."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.worker = Worker(
            charm=self,
            name="field",
            pebble_layer=self._layer,
            endpoints={"cluster": "field-cluster"},
            container_name="field",
        )

    def _layer(self, worker: Worker) -> ops.pebble.Layer:
        return ops.pebble.Layer(
            {
                "services": {
                    "field": {
                        "override": "replace",
                        "command": f"/bin/field -config.file={CONFIG_FILE} -target {','.join(worker.roles)}",
                        "startup": "enabled",
                    }
                }
            }
        )
