"""nginx's configuration with the routes of workers' telemetry, from the library as it is published."""

from collections.abc import Callable
from typing import Any

import cluster_library  # noqa: F401 - for what it does on this machine

from coordinated_workers import nginx, worker_telemetry


def renderer(asked: dict[str, Any]) -> Callable[[], str]:
    """Return the function that renders the configuration."""
    nginx.is_ipv6_enabled = lambda: False
    nginx.NginxConfig._get_dns_ip_address = staticmethod(lambda: "127.0.0.1")
    backends: dict[str, Any] = {
        "charm_tracing_receivers_urls": {},
        "workload_tracing_receivers_urls": {},
        "loki_endpoints_by_unit": {"loki/0": asked["loki"]},
        "remote_write_endpoints_getter": None,
    }
    topology = [
        {"unit": unit, "address": host, "application": unit.partition("/")[0], "charm_name": "worker"}
        for unit, host in asked["workers"].items()
    ]

    def render() -> str:
        addresses = worker_telemetry.get_upstreams_to_addresses(unit_addresses=asked["workers"], **backends)
        upstreams, locations = worker_telemetry.get_nginx_upstreams_and_locations(
            tls_available=False,
            workload_tracing_protocols=[],
            worker_topology=topology,
            worker_metrics_port=asked["metrics_port"],
            proxy_worker_telemetry_port=asked["port"],
            **backends,
        )
        text = nginx.NginxConfig("bench", upstreams, locations).get_config(addresses, False)
        return _moved(text, asked)

    return render


def _moved(text: str, asked: dict[str, Any]) -> str:
    """The configuration for an nginx that is not in a container of its own."""
    folder = asked["folder"]
    moves = {
        " /tmp/": f" {folder}/",
        "/etc/nginx/mime.types": f"{folder}/mime.types",
        "access_log /dev/stderr": f"access_log {folder}/access.log",
    }
    if not asked["resolve"]:
        moves[" resolve;"] = ";"
    for old, new in moves.items():
        text = text.replace(old, new)
    return text
