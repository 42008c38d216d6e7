"""What the coordinator's nginx does for users: it shares their requests among the `api` workers."""

from coordinated_workers.nginx import NginxConfig, NginxLocationConfig, NginxMapConfig, NginxUpstream
from coordinated_workers.worker_telemetry import WorkerTelemetryProxyConfig
from kv_cluster import WORKER_PORT

API_PORT = 8080
"""Port of the service for users, with TLS or without."""

TELEMETRY = WorkerTelemetryProxyConfig(http_port=3300, https_port=3300)
"""Where workers' telemetry passes through."""

_LOG = [
    NginxMapConfig("$status $request_uri", "$loggable", {"~ /kv/": ["1"], "~^[23]": ["0"], "default": ["1"]}),
    NginxMapConfig(
        "$request",
        "$logged_request",
        {"~^(?<verb>[A-Z]+) /kv/": ["$verb /kv/{key}"], "default": ["$request"]},
    ),
]
"""All that goes wrong, and every request of a user, so that the dashboard of nginx has their rates and times.
Keys stay out of it, but for what nginx says of a backend that does not answer."""


def config(server_name: str) -> NginxConfig:
    """Share everything but what the workers have for each other and for the coordinator alone."""
    not_for_users = {"return": ["404"]}
    return NginxConfig(
        server_name=server_name,
        upstream_configs=[NginxUpstream("api", port=WORKER_PORT, worker_role="api")],
        server_ports_to_locations={
            API_PORT: [
                NginxLocationConfig("/", backend="api"),
                NginxLocationConfig("/store/", extra_directives=not_for_users),
                NginxLocationConfig("/metrics", modifier="=", extra_directives=not_for_users),
            ]
        },
        map_configs=_LOG,
        enable_status_page=True,
    )
