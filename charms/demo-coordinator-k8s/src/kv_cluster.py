"""The cluster that serves keys and values: its roles, and the configuration of each worker."""

import json

from coordinated_workers import worker
from coordinated_workers.coordinator import ClusterRolesConfig, Coordinator
from cos_interfaces import authority

WORKER_PORT = 8080
"""Port on which workers serve everything, including metrics."""

ROLES = ClusterRolesConfig(
    roles={"all", "api", "store"},
    meta_roles={"all": {"api", "store"}},
    minimal_deployment={"api", "store"},
)


def workers_config(coordinator: Coordinator) -> str:
    """Return the configuration of all workers as JSON, which the workload parses without a library."""
    tls = coordinator.tls_available
    scheme = "https" if tls else "http"
    cluster = coordinator.cluster
    stores = sorted(cluster.gather_addresses_by_role()["store"] - cluster.unroutable_addresses)
    config = {
        "port": WORKER_PORT,
        "stores": [f"{scheme}://{authority(store, WORKER_PORT)}" for store in stores],
        "tls": {"cert": worker.CERT_FILE, "key": worker.KEY_FILE, "ca": worker.CLIENT_CA_FILE}
        if tls
        else None,
        "telemetry": {
            "loki": sorted(coordinator.loki_endpoints_by_unit.values()),
            "remote_write": sorted(endpoint["url"] for endpoint in coordinator.remote_write_endpoints or ()),
            "otlp_http": coordinator.workload_tracing_receivers.get("otlp_http"),
        },
    }
    return json.dumps(config, indent=2)
