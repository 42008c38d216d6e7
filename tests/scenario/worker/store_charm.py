"""A worker charm as its author would write it: a store of a cluster, in one container."""

import socket
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import ops

from coordinated_workers.worker import CONFIG_FILE, KEY_FILE, Worker

META = {
    "name": "store-worker-k8s",
    "containers": {"store": {"resource": "store-image"}},
    "requires": {"store-cluster": {"interface": "store_cluster", "limit": 1}},
}
ACTIONS = {"flush": {"description": "Write everything to disk."}}
CONFIG = {
    "options": {
        "role-all": {"type": "boolean", "default": False},
        "role-api": {"type": "boolean", "default": False},
        "role-disk": {"type": "boolean", "default": False},
        "cpu_limit": {"type": "string"},
        "memory_limit": {"type": "string"},
    }
}


class StoreCharm(ops.CharmBase):
    """Without a readiness endpoint, so that services that run are ready."""

    readiness_check_endpoint: str | None = None
    options: Mapping[str, Any] = MappingProxyType(
        {"resources_requests": lambda _: {"cpu": "50m", "memory": "100Mi"}}
    )
    worker_type = Worker

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.worker = self.worker_type(
            self,
            name="store",
            pebble_layer=self.layer,
            endpoints={"cluster": "store-cluster"},
            readiness_check_endpoint=self.readiness_check_endpoint,
            container_name="store",
            **self.options,
        )
        framework.observe(self.on.flush_action, self._on_flush_action)

    def _on_flush_action(self, event: ops.ActionEvent) -> None:
        event.set_results({"flushed": "all"})

    def layer(self, worker: Worker) -> ops.pebble.Layer:
        environment = {"UNIT": worker.topology.unit or "", "HOST": socket.getfqdn()}
        if url := worker.cluster.get_workload_tracing_receivers().get("otlp_http"):
            environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = url
        if worker.cluster.get_tls_data():
            environment["TLS_KEY"] = KEY_FILE
        command = f"/bin/store -config {CONFIG_FILE} -target {','.join(worker.roles)}"
        return ops.pebble.Layer(
            {
                "services": {
                    "store": {
                        "override": "replace",
                        "summary": "the store",
                        "command": command,
                        "startup": "enabled",
                        "environment": environment,
                    }
                }
            }
        )
