"""Queries of dashboards and rules on the log of a real nginx."""

import pytest

from tests.support import logql
from tests.support.nginx_log import ALERTS, LABELS, OF_NGINX, PROXY_FAILING, QUERIES, sample_log


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return sample_log(tmp_path_factory.mktemp("nginx"))


def test_requests_are_logged_without_keys(log: list[str]):
    paths = [line.split('"')[1].split()[1] for line in log]
    assert paths == ["/kv/{key}", "/kv/{key}", "/kv/{key}", "/proxy/loki/loki-0/push"]


def found(query: str, log: list[str]) -> list[dict[str, str]]:
    return logql.parse(query).results(LABELS, log)


@pytest.mark.parametrize("name", OF_NGINX)
def test_each_query_about_nginx_finds_something_in_its_log(log: list[str], name: str):
    assert found(QUERIES[name], log) != []


def test_requests_are_counted_by_route_not_by_key(log: list[str]):
    by_route = found(QUERIES["Coordinator's nginx: Logged requests by route A"], log)
    assert by_route == [{"route": "/kv"}, {"route": "/proxy/loki"}]
    assert found(QUERIES["Coordinator's nginx: 4xx and 5xx by route A"], log) == [
        {"route": "/kv", "status": "404"},
        {"route": "/kv", "status": "503"},
        {"route": "/proxy/loki", "status": "502"},
    ]


def test_another_applications_log_is_not_looked_at(log: list[str]):
    assert logql.parse(ALERTS[PROXY_FAILING]).results({**LABELS, "juju_application": "other"}, log) == []


def test_telemetry_alert_finds_failed_forwards(log: list[str]):
    assert found(ALERTS[PROXY_FAILING], log) == [
        {"juju_model": "m", "juju_unit": "kv/0", "telemetry": "loki"}
    ]
    without = [line for line in log if "/proxy/" not in line]
    assert found(ALERTS[PROXY_FAILING], without) == []


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_each_rule_about_logs_can_be_read(alert: str):
    assert logql.parse(ALERTS[alert]).by
