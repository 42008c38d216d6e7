"""A coordinator like those of published charms, written from the package's documentation only."""

from collections.abc import Sequence

import ops
import yaml

from charms.istio_beacon_k8s.v0.service_mesh import AppPolicy, Endpoint, Method, UnitPolicy
from coordinated_workers.coordinator import ClusterRolesConfig, Coordinator
from coordinated_workers.nginx import NginxConfig, NginxLocationConfig, NginxUpstream
from coordinated_workers.worker_telemetry import WorkerTelemetryProxyConfig

METADATA = {
    "name": "field-coordinator-k8s",
    "containers": {
        "nginx": {"resource": "nginx-image"},
        "nginx-prometheus-exporter": {"resource": "exporter-image"},
    },
    "resources": {"nginx-image": {"type": "oci-image"}, "exporter-image": {"type": "oci-image"}},
    "peers": {"peers": {"interface": "field_peers"}},
    "provides": {
        "field-cluster": {"interface": "field_cluster"},
        "metrics-endpoint": {"interface": "prometheus_scrape"},
        "grafana-dashboard": {"interface": "grafana_dashboard"},
        "provide-cmr-mesh": {"interface": "cross_model_mesh"},
        "send-datasource": {"interface": "grafana_datasource_exchange"},
        "field-api": {"interface": "field_api"},
    },
    "requires": {
        "s3": {"interface": "s3", "limit": 1},
        "certificates": {"interface": "tls-certificates", "limit": 1},
        "logging": {"interface": "loki_push_api"},
        "self-charm-tracing": {"interface": "tracing", "limit": 1},
        "self-workload-tracing": {"interface": "tracing", "limit": 1},
        "receive-datasource": {"interface": "grafana_datasource_exchange"},
        "catalogue": {"interface": "catalogue"},
        "service-mesh": {"interface": "service_mesh", "limit": 1},
        "require-cmr-mesh": {"interface": "cross_model_mesh"},
    },
}
CONFIG = {"options": {"cpu_limit": {"type": "string"}, "memory_limit": {"type": "string"}}}
ACTIONS = {"show": {}}

HTTP_PORT = 3200
WORKER_PORT = 3100
TELEMETRY_PORT = 3300
REMOTE_WRITE = "http://prometheus-0.prometheus-endpoints.cos.svc.cluster.local:9090/api/v1/write"
MORE_REMOTE_WRITE: Sequence[str] = ()

ROLES = ClusterRolesConfig(
    roles={"all", "querier", "ingester"},
    meta_roles={"all": {"querier", "ingester"}},
    minimal_deployment={"querier", "ingester"},
    recommended_deployment={"querier": 1, "ingester": 2},
)


class CatalogueItem:
    """As the charm's catalogue library has it."""

    name = "Field"
    url = "http://field.example"
    icon = "sprout"
    description = "Grows things"


class FieldCoordinator(ops.CharmBase):
    """The coordinator of a workload of two roles."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.coordinator = Coordinator(
            charm=self,
            roles_config=ROLES,
            external_url="http://field.example",
            worker_metrics_port=WORKER_PORT,
            endpoints={
                "certificates": "certificates",
                "cluster": "field-cluster",
                "grafana-dashboards": "grafana-dashboard",
                "logging": "logging",
                "metrics": "metrics-endpoint",
                "s3": "s3",
                "charm-tracing": "self-charm-tracing",
                "workload-tracing": "self-workload-tracing",
                "send-datasource": "send-datasource",
                "receive-datasource": "receive-datasource",
                "catalogue": "catalogue",
                "service-mesh": "service-mesh",
                "service-mesh-provide-cmr-mesh": "provide-cmr-mesh",
                "service-mesh-require-cmr-mesh": "require-cmr-mesh",
            },
            nginx_config=NginxConfig(
                server_name="field",
                upstream_configs=[NginxUpstream("querier", WORKER_PORT, "querier")],
                server_ports_to_locations={
                    HTTP_PORT: [NginxLocationConfig(path="/", backend="querier")],
                },
                enable_status_page=True,
            ),
            workers_config=self._workers_config,
            worker_ports=lambda role: (WORKER_PORT, 4000) if role == "ingester" else (WORKER_PORT,),
            resources_requests=lambda _: {"cpu": "50m", "memory": "100Mi"},
            container_name="nginx",
            remote_write_endpoints=lambda: [{"url": url} for url in (REMOTE_WRITE, *MORE_REMOTE_WRITE)],
            workload_tracing_protocols=["otlp_http", "otlp_grpc"],
            catalogue_item=CatalogueItem(),
            worker_telemetry_proxy_config=self._proxy_config(),
            charm_mesh_policies=[
                AppPolicy(
                    relation="field-api",
                    endpoints=[Endpoint(ports=[HTTP_PORT], methods=[Method.get], paths=["/api/{*}"])],
                ),
                UnitPolicy(relation="field-api", ports=[HTTP_PORT]),
            ],
        )
        framework.observe(self.on.show_action, self._on_show)

    def _on_show(self, event: ops.ActionEvent) -> None:
        event.set_results({"seen": "yes"})

    def _proxy_config(self) -> WorkerTelemetryProxyConfig | None:
        return WorkerTelemetryProxyConfig(http_port=TELEMETRY_PORT, https_port=TELEMETRY_PORT)

    def _workers_config(self, coordinator: Coordinator) -> str:
        return yaml.safe_dump(
            {
                "app": coordinator._charm.app.name,
                "url": coordinator._external_url,
                "storage": coordinator._s3_config,
                "ingesters": sorted(coordinator.cluster.gather_addresses_by_role()["ingester"]),
            }
        )


class DirectCoordinator(FieldCoordinator):
    """One that proxies nothing."""

    def _proxy_config(self) -> None:
        return None
