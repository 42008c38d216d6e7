"""What dashboards and rules find in the log of a real nginx."""

import http.client

import pytest
import yaml

from coordinated_workers.alert_rules import DEFAULT_RULES
from coordinated_workers.nginx import NginxConfig
from coordinated_workers.worker_telemetry import (
    TelemetryBackends,
)
from tests import dashboards, logql
from tests.charms import CHARMS
from tests.dataplane.backends import RecordingBackend
from tests.dataplane.nginx_process import RealNginx, free_port, platform_of
from tests.dataplane.sample_nginx import COORDINATOR, proxy_at, sample_config

LABELS = {"juju_model": "m", "juju_application": "kv", "juju_unit": "kv/0", "pebble_service": "nginx"}
BOARDS = [dashboards.read(file) for file in dashboards.FILES]
QUERIES = {name: query for board in BOARDS for name, query in board.queries("loki").items()}
OF_NGINX = sorted(name for name in QUERIES if name.startswith("Coordinator's nginx"))
RULES = [*(DEFAULT_RULES / "logs").iterdir(), *(CHARMS / COORDINATOR / "src/loki_alert_rules").iterdir()]
PROXY_FAILING = "WorkerTelemetryProxyFailing"
ALERTS = {
    rule["alert"]: rule["expr"].replace("%%juju_topology%%", 'juju_model="m", juju_application="kv"')
    for file in RULES
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the sample coordinator's nginx logs of users' requests and of a worker whose Loki is away."""
    folder = tmp_path_factory.mktemp("nginx")
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


def test_every_request_of_a_user_is_logged_without_its_key_and_of_others_what_went_wrong(log: list[str]):
    paths = [line.split('"')[1].split()[1] for line in log]
    assert paths == ["/kv/{key}", "/kv/{key}", "/kv/{key}", "/proxy/loki/loki-0/push"]


def found(query: str, log: list[str]) -> list[dict[str, str]]:
    return logql.parse(query).results(LABELS, log)


@pytest.mark.parametrize("name", OF_NGINX)
def test_each_query_about_nginx_finds_something_in_its_log(log: list[str], name: str):
    assert found(QUERIES[name], log) != []


def test_routes_are_told_apart_and_keys_are_not(log: list[str]):
    by_route = found(QUERIES["Coordinator's nginx: Logged requests by route A"], log)
    assert by_route == [{"route": "/kv"}, {"route": "/proxy/loki"}]
    assert found(QUERIES["Coordinator's nginx: Refused and failed by route A"], log) == [
        {"route": "/kv", "status": "404"},
        {"route": "/kv", "status": "503"},
        {"route": "/proxy/loki", "status": "502"},
    ]


def test_another_applications_log_is_not_looked_at(log: list[str]):
    assert logql.parse(ALERTS[PROXY_FAILING]).results({**LABELS, "juju_application": "other"}, log) == []


def test_the_rule_about_telemetry_finds_what_the_proxy_could_not_pass_on(log: list[str]):
    assert found(ALERTS[PROXY_FAILING], log) == [
        {"juju_model": "m", "juju_unit": "kv/0", "telemetry": "loki"}
    ]
    without = [line for line in log if "/proxy/" not in line]
    assert found(ALERTS[PROXY_FAILING], without) == []


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_each_rule_about_logs_can_be_read(alert: str):
    assert logql.parse(ALERTS[alert]).by
