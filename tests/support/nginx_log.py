"""The log of the sample coordinator's nginx, and the queries of dashboards and rules on it."""

import http.client
from pathlib import Path

import pytest

from coordinated_workers.nginx import NginxConfig
from coordinated_workers.telemetry.alert_rules import DEFAULT_RULES
from coordinated_workers.worker_telemetry import TelemetryBackends
from tests.support import dashboards
from tests.support.alert_rules import rules_in
from tests.support.backends import RecordingBackend
from tests.support.charms import CHARMS
from tests.support.nginx_process import RealNginx, free_port, platform_of
from tests.support.sample_nginx import COORDINATOR, proxy_at, sample_config

LABELS = {"juju_model": "m", "juju_application": "kv", "juju_unit": "kv/0", "pebble_service": "nginx"}
QUERIES = dashboards.all_queries("loki")
OF_NGINX = sorted(name for name in QUERIES if name.startswith("Coordinator's nginx"))
RULES = [*(DEFAULT_RULES / "logs").iterdir(), *(CHARMS / COORDINATOR / "src/loki_alert_rules").iterdir()]
PROXY_FAILING = "WorkerTelemetryProxyFailing"
ALERTS = {
    rule["alert"]: rule["expr"].replace("%%juju_topology%%", 'juju_model="m", juju_application="kv"')
    for rule in rules_in(*RULES)
}


def sample_log(folder: Path) -> list[str]:
    """Return what nginx logs of users' requests and of a worker whose Loki does not answer."""
    port, telemetry = free_port(), free_port()
    with pytest.MonkeyPatch.context() as patch, RecordingBackend() as api:
        patch.setattr(NginxConfig, "platform", platform_of(folder))
        gone = TelemetryBackends(loki={"loki/0": f"http://127.0.0.1:{free_port()}/push"})
        proxy = proxy_at(telemetry, gone)
        config = proxy.added_to(sample_config(port, api.port))
        text = config.get_config({"api": ["127.0.0.1"]}, listen_tls=False)
        with RealNginx(folder, text):
            for status, path in ((200, "/kv/a?x=1"), (200, "/healthz"), (404, "/kv/b"), (503, "/kv/c")):
                api.status = status
                ask(port, "GET", path)
            ask(telemetry, "POST", "/proxy/loki/loki-0/push")
    return (folder / "access.log").read_text().splitlines()


def ask(port: int, method: str, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path)
    connection.getresponse().read()
    connection.close()
