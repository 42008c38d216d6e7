"""nginx's configuration with the routes of workers' telemetry, from this repository's library."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from coordinated_workers.nginx import NginxConfig, NginxPlatform
from coordinated_workers.worker_telemetry import (
    ProxyServer,
    TelemetryBackends,
    proxy_telemetry,
)


def renderer(asked: dict[str, Any]) -> Callable[[], str]:
    """Return the function that renders the configuration."""
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
            backends=TelemetryBackends(loki={"loki/0": asked["loki"]}),
            server=ProxyServer("bench.example", asked["port"], False),
            check_machine=lambda _: None,  # everything is on this machine
        )
        return proxy.added_to(NginxConfig("bench", [], {}, own_name="bench.bench")).get_config(
            {}, listen_tls=False
        )

    return render
