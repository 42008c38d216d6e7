"""The coordinator's nginx for users of the service: it balances their requests over the `api` workers."""

from coordinated_workers.nginx import NginxConfig, NginxLocationConfig, NginxMapConfig, NginxUpstream
from coordinated_workers.worker_telemetry import WorkerTelemetryProxyConfig
from kv_cluster import WORKER_PORT

API_PORT = 8080
"""Port of the service for users, with TLS or without."""

TELEMETRY = WorkerTelemetryProxyConfig(http_port=3300, https_port=3300)
"""Port for the workers' telemetry."""

_LOG = [
    NginxMapConfig("$status $request_uri", "$loggable", {"~ /kv/": ["1"], "~^[23]": ["0"], "default": ["1"]}),
    NginxMapConfig(
        "$request",
        "$logged_request",
        {"~^(?<verb>[A-Z]+) /kv/": ["$verb /kv/{key}"], "default": ["$request"]},
    ),
]
"""The log: failed requests, and every request of a user, so that nginx's dashboard has their rates and times.
Keys are not logged, except in nginx's own messages about a backend that does not answer."""


def config(server_name: str) -> NginxConfig:
    """Return the locations for users, without those that only workers and the coordinator use."""
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
