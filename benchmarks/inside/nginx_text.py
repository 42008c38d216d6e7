"""Renders nginx.conf with the routes of workers' telemetry, on whichever library its interpreter finds.

Reads what to render from the first line of standard input and answers with the text; renders it once more for
each further line, and answers with the seconds that it took.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_LOKI = "loki/0"


def _ours(asked: dict[str, Any]) -> Callable[[], str]:
    from coordinated_workers.nginx import NginxConfig, NginxPlatform
    from coordinated_workers.worker_telemetry import (
        TelemetryBackends,
        WorkerTelemetryProxyConfig,
        proxy_telemetry,
    )

    folder = Path(asked["folder"])
    NginxConfig.platform = NginxPlatform(
        resolvers=("127.0.0.1",),
        ipv6=False,
        directory=str(folder),
        mime_types=str(folder / "mime.types"),
        access_log=str(folder / "access.log"),
        resolve=asked["resolve"],
    )

    def render() -> str:
        proxy = proxy_telemetry(
            asked["workers"],
            worker_metrics_port=asked["metrics_port"],
            backends=TelemetryBackends(loki={_LOKI: asked["loki"]}),
            config=WorkerTelemetryProxyConfig(asked["port"], asked["port"]),
            hostname="bench.example",
            tls=False,
        )
        return proxy.added_to(NginxConfig("bench", [], {})).get_config({}, listen_tls=False)

    return render


def _peers(asked: dict[str, Any]) -> Callable[[], str]:
    import cluster_library  # noqa: F401 - for what it does on this machine

    from coordinated_workers import nginx, worker_telemetry

    nginx.is_ipv6_enabled = lambda: False
    nginx.NginxConfig._get_dns_ip_address = staticmethod(lambda: "127.0.0.1")
    backends: dict[str, Any] = {
        "charm_tracing_receivers_urls": {},
        "workload_tracing_receivers_urls": {},
        "loki_endpoints_by_unit": {_LOKI: asked["loki"]},
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


def main() -> None:
    """Render a line."""
    asked = json.loads(sys.stdin.readline())
    render = _ours(asked) if asked["side"] == "ours" else _peers(asked)
    sys.stdout.write(json.dumps(render()) + "\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        start = time.perf_counter()
        render()
        sys.stdout.write(f"{time.perf_counter() - start}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
