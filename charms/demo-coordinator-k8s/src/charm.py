#!/usr/bin/env python3
"""The coordinator of a small key-value service."""

import logging
import socket

import ops

import kv_api
import kv_cluster
import kv_grafana
import kv_nginx
from coordinated_workers.coordinator import Coordinator
from coordinated_workers.events import reconciled_hooks
from coordinated_workers.interfaces.cluster import RemoteWriteEndpoint
from cos_interfaces import authority, prometheus_remote_write
from mesh_inspection import MeshActions

logger = logging.getLogger(__name__)


class _ServiceItem:
    """The service in a catalogue; its URL is read when it is published."""

    name = "Key-value service"
    icon = "key-variant"
    description = "Stores values by key, over HTTP."

    def __init__(self, charm: "DemoCoordinatorCharm"):
        self._charm = charm

    @property
    def url(self) -> str:
        """The URL of the service."""
        return self._charm.url


class DemoCoordinatorCharm(ops.CharmBase):
    """The charm: `Coordinator` does the work of every coordinator, and this class adds the service's own."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self._hostname = Coordinator.app_hostname(socket.getfqdn(), self.app.name, self.model.name)
        self.coordinator = Coordinator(
            self,
            roles_config=kv_cluster.ROLES,
            # Unused here: the published URL is `url`, which follows nginx.
            external_url=f"http://{authority(self._hostname, kv_nginx.API_PORT)}",
            worker_metrics_port=kv_cluster.WORKER_PORT,
            endpoints={
                "cluster": "demo-cluster",
                "certificates": "certificates",
                "grafana-dashboards": "grafana-dashboard",
                "logging": "logging",
                "metrics": "metrics-endpoint",
                # Optional for this service; a coordinator with the endpoint requires an object store.
                "s3": "s3" if self._is_related("s3") else None,
                "charm-tracing": "self-charm-tracing",
                "workload-tracing": "self-workload-tracing",
                "send-datasource": "send-datasource",
                "receive-datasource": "receive-datasource",
                "catalogue": "catalogue",
                "service-mesh": "service-mesh",
                "service-mesh-provide-cmr-mesh": "provide-cmr-mesh",
                "service-mesh-require-cmr-mesh": "require-cmr-mesh",
            },
            nginx_config=kv_nginx.config(self._hostname),
            workers_config=kv_cluster.workers_config,
            worker_ports=lambda _: [kv_cluster.WORKER_PORT],
            nginx_options={"nginx_port": kv_nginx.API_PORT, "nginx_tls_port": kv_nginx.API_PORT},
            resources_limit_options={"cpu_limit": "cpu-limit", "memory_limit": "memory-limit"},
            resources_requests=lambda _: {"cpu": "50m", "memory": "100Mi"},
            container_name="nginx",
            remote_write_endpoints=self._remote_write_endpoints,
            workload_tracing_protocols=["otlp_http"],
            catalogue_item=_ServiceItem(self),
            worker_telemetry_proxy_config=kv_nginx.TELEMETRY,
            charm_mesh_policies=[kv_api.POLICY, kv_grafana.POLICY],
        )
        self._actions = MeshActions.of_coordinator(self, self.coordinator)
        for event in reconciled_hooks(self):
            framework.observe(event, self._reconcile)

    @property
    def url(self) -> str:
        """The URL of the service, as nginx serves it now."""
        scheme = "https" if self.coordinator.serves_tls else "http"
        return f"{scheme}://{authority(self._hostname, kv_nginx.API_PORT)}"

    def _reconcile(self, _: ops.EventBase) -> None:
        if self.coordinator.is_leaving:
            return
        self._open_ports()
        kv_api.publish(self, self.url if self.coordinator.can_handle_events else None)
        kv_grafana.publish(self, self.coordinator, self.url)

    def _open_ports(self) -> None:
        try:
            self.unit.set_ports(kv_nginx.API_PORT, kv_nginx.TELEMETRY.port(self.coordinator.serves_tls))
        except ops.ModelError as error:
            logger.warning("cannot open ports: %s", str(error).strip())

    def _is_related(self, endpoint: str) -> bool:
        return any(relation.active for relation in self.model.relations[endpoint])

    def _remote_write_endpoints(self) -> list[RemoteWriteEndpoint]:
        urls = prometheus_remote_write.push_urls(self, relation_name="send-remote-write")
        return [{"url": url} for url in urls]


if __name__ == "__main__":
    ops.main(DemoCoordinatorCharm)
