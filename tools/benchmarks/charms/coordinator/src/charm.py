"""A coordinator of two roles, like those of published charms."""

import ops
import yaml
from cluster_library import (
    ClusterRolesConfig,
    Coordinator,
    NginxConfig,
    NginxLocationConfig,
    NginxUpstream,
    WorkerTelemetryProxyConfig,
)

_ROLES = ClusterRolesConfig(
    roles={"all", "reader", "writer"},
    meta_roles={"all": {"reader", "writer"}},
    minimal_deployment={"reader", "writer"},
)
_PORT, _WORKER_PORT, _TELEMETRY_PORT = 3200, 3100, 3300


class BenchCoordinator(ops.CharmBase):
    """The library does everything."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.coordinator = Coordinator(
            charm=self,
            roles_config=_ROLES,
            external_url="http://bench.example",
            worker_metrics_port=_WORKER_PORT,
            endpoints={
                "certificates": "certificates",
                "cluster": "cluster",
                "grafana-dashboards": "grafana-dashboard",
                "logging": "logging",
                "metrics": "metrics-endpoint",
                "s3": "s3",
                "charm-tracing": "charm-tracing",
                "workload-tracing": "workload-tracing",
                "send-datasource": "send-datasource",
                "receive-datasource": "receive-datasource",
                "service-mesh": "service-mesh",
                "service-mesh-provide-cmr-mesh": "provide-cmr-mesh",
                "service-mesh-require-cmr-mesh": "require-cmr-mesh",
            },
            nginx_config=NginxConfig(
                server_name="bench",
                upstream_configs=[NginxUpstream("reader", _WORKER_PORT, "reader")],
                server_ports_to_locations={_PORT: [NginxLocationConfig(path="/", backend="reader")]},
            ),
            workers_config=self._workers_config,
            workload_tracing_protocols=["otlp_http"],
            worker_telemetry_proxy_config=WorkerTelemetryProxyConfig(
                http_port=_TELEMETRY_PORT, https_port=_TELEMETRY_PORT
            ),
        )

    def _workers_config(self, coordinator: Coordinator) -> str:
        writers = coordinator.cluster.gather_addresses_by_role()["writer"]
        # Published charms import it from there.
        storage = coordinator._s3_config  # pyright: ignore[reportPrivateUsage]
        return yaml.safe_dump({"storage": storage, "writers": sorted(writers)})


if __name__ == "__main__":
    ops.main(BenchCoordinator)
