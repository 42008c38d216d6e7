#!/usr/bin/env python3
"""The coordinator of a small key-value service."""

import socket
from collections.abc import Iterator

import ops

import kv_api
import kv_cluster
import kv_grafana
import kv_nginx
from coordinated_workers.coordinator import Coordinator
from coordinated_workers.interfaces.cluster import RemoteWriteEndpoint
from cos_interfaces import prometheus_remote_write
from cos_interfaces.catalogue import CatalogueItem
from mesh_inspection import MeshActions


class DemoCoordinatorCharm(ops.CharmBase):
    """What every coordinator does, `Coordinator` does; here is what is this service's own."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self._hostname = Coordinator.app_hostname(socket.getfqdn(), self.app.name, self.model.name)
        # Before there is a coordinator, nobody knows whether the certificate has come yet.
        external_url = self._url(tls=self._is_related("certificates"))
        self.coordinator = Coordinator(
            self,
            roles_config=kv_cluster.ROLES,
            external_url=external_url,
            worker_metrics_port=kv_cluster.WORKER_PORT,
            endpoints={
                "cluster": "demo-cluster",
                "certificates": "certificates",
                "grafana-dashboards": "grafana-dashboard",
                "logging": "logging",
                "metrics": "metrics-endpoint",
                # The service can do without, and a coordinator that has the endpoint can't.
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
            catalogue_item=CatalogueItem(
                name="Key-value service",
                url=external_url,
                icon="key-variant",
                description="Stores values by key, over HTTP.",
            ),
            worker_telemetry_proxy_config=kv_nginx.TELEMETRY,
            charm_mesh_policies=[kv_api.POLICY, kv_grafana.POLICY],
        )
        self._actions = MeshActions.of_coordinator(self, self.coordinator)
        for event in self._events():
            framework.observe(event, self._reconcile)

    def _events(self) -> Iterator[ops.BoundEvent]:
        on = self.on
        yield from (on.start, on.upgrade_charm, on.update_status, on.leader_elected)
        yield on[kv_api.RELATION].relation_created
        for relation in ("send-datasource", "receive-datasource"):
            yield on[relation].relation_created
        for relation in ("demo-cluster", "certificates", "s3", kv_grafana.RELATION):
            yield from (on[relation].relation_changed, on[relation].relation_departed)
            yield on[relation].relation_broken

    def _reconcile(self, _: ops.EventBase) -> None:
        if self.coordinator.is_leaving:
            return
        tls = self.coordinator.tls_available
        self.unit.set_ports(kv_nginx.API_PORT, kv_nginx.TELEMETRY.port(tls))
        url = self._url(tls=tls)
        kv_api.publish(self, url if self.coordinator.can_handle_events else None)
        kv_grafana.publish(self, self.coordinator, url)

    def _is_related(self, endpoint: str) -> bool:
        return any(relation.active for relation in self.model.relations[endpoint])

    def _url(self, *, tls: bool) -> str:
        return f"{'https' if tls else 'http'}://{self._hostname}:{kv_nginx.API_PORT}"

    def _remote_write_endpoints(self) -> list[RemoteWriteEndpoint]:
        urls = prometheus_remote_write.push_urls(self, relation_name="send-remote-write")
        return [{"url": url} for url in urls]


if __name__ == "__main__":
    ops.main(DemoCoordinatorCharm)
