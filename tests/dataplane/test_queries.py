"""Dashboards and alerts on the series that a real Prometheus scrapes in a run of the sandbox.

Prometheus runs with the jobs that a scraper gets over the relations, but with addresses of this machine in
place of host names. For nginx's own series, see `exporter`.
"""

import itertools
import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from coordinated_workers.nginx import NginxConfig
from sandbox import samples, telemetry
from sandbox.juju import Side
from sandbox.mesh import Account
from sandbox.samples import BEACON, COORDINATOR, WORKER
from sandbox.world import World, open_world
from tests.dataplane import prometheus_process
from tests.dataplane.prometheus_process import RealPrometheus
from tests.support import alert_rules, dashboards
from tests.support.backends import RecordingBackend
from tests.support.nginx_process import RealNginx, free_port, platform_of, with_status_page
from tests.support.sample_nginx import sample_config

pytestmark = prometheus_process.needed

MODEL = "m"
NGINX = with_status_page()
EXPORTER = NGINX and (shutil.which("prometheus-nginx-exporter") or shutil.which("nginx-prometheus-exporter"))
"""It runs where there is something to export: the sandbox's own nginx is built without the status page."""
EXPORTER_PORT = "9113"
"""At a coordinator."""

NOT_IN_THE_SANDBOX = {"istio_agent_cert_expiry_seconds"}
"""Of Istio's agent, which there is none of here; tests/cluster holds the name to Istio's source."""
ONLY_IN_TROUBLE = {"kv_shard_failures_total", "kv_telemetry_dropped_total"}
"""They have no series until the first of it happens; tests/unit/workload sees them with their labels."""

BOARDS = [dashboards.read(file) for file in dashboards.FILES]
QUERIES = dashboards.all_queries("prometheus")
VARIABLES = dict[str, Any]()
for board in BOARDS:
    VARIABLES |= {f"{board.title}: {name}": found for name, found in board.label_queries.items()}
SELECTOR = re.compile(r"\b([a-z_:]+)\{([^}]*)}")
LABEL = re.compile(r'(\w+)(?:=~|!=|!~|=)"([^"]*)"')


@pytest.fixture(scope="module")
def sides() -> Iterator[tuple[World, list[Side]]]:
    """A mesh with a cluster in it, after some requests; and what a scraper there is related to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("KUBECONFIG", raising=False)
        with open_world(enforcing=True) as world:
            model = world.model(MODEL)
            for charm in (BEACON, COORDINATOR, "shop", telemetry.BACKEND):
                samples.deploy(model, charm)
            for role in ("api", "store"):
                samples.deploy(model, WORKER, role, config={f"role-{role}": True})
                model.integrate(f"{role}:demo-cluster", COORDINATOR)
            for app in (COORDINATOR, "shop", telemetry.BACKEND):
                model.integrate(f"{app}:service-mesh", BEACON)
            model.integrate("shop:kv", f"{COORDINATOR}:kv-api")
            for app in (BEACON, COORDINATOR):
                model.integrate(f"{app}:metrics-endpoint", f"{telemetry.BACKEND}:metrics-endpoint")
            for endpoint, offered in (("logging", "logging"), ("send-remote-write", "receive-remote-write")):
                model.integrate(f"{COORDINATOR}:{endpoint}", f"{telemetry.BACKEND}:{offered}")
            assert world.settle() == []
            running = world.enforcement
            assert running
            requested = (f"{MODEL}/shop", f"{MODEL}/{COORDINATOR}", 8080)
            assert running.ask(*requested, "PUT", "/kv/a", b"1").startswith("2")
            assert running.ask(*requested, "GET", "/kv/a").startswith("2")
            assert running.ask(*requested, "DELETE", "/kv/a").startswith("403")
            scraper = model.application(telemetry.BACKEND)
            yield world, [side.other for side in scraper.sides if side.endpoint.name == "metrics-endpoint"]


@pytest.fixture(scope="module")
def prometheus(
    sides: tuple[World, list[Side]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealPrometheus]:
    world, related = sides
    assert world.enforcement
    names = world.enforcement.mesh.names(Account(MODEL, telemetry.BACKEND))
    with exporter(tmp_path_factory.mktemp("nginx")) as nginx_exporter:
        of_each = (jobs_of(side, names, nginx_exporter) for side in related)
        jobs = list(itertools.chain.from_iterable(of_each))
        with RealPrometheus(tmp_path_factory.mktemp("prometheus"), jobs) as prometheus:
            prometheus.wait_for_scrapes(3)
            yield prometheus


def jobs_of(side: Side, names: Any, nginx_exporter: str | None) -> Iterator[dict[str, Any]]:
    """The scrape jobs of an application, with its topology as a scraper adds it."""
    sent = side.data.data
    topology = json.loads(sent["scrape_metadata"])
    units = {
        unit["prometheus_scrape_unit_name"]: unit["prometheus_scrape_unit_address"]
        for unit in (bag.data for bag in side.unit_data.values())
    }
    labels = {f"juju_{name}": topology[name] for name in ("model", "model_uuid", "application")}
    for number, job in enumerate(json.loads(sent["scrape_jobs"])):
        name = job.get("job_name", str(number))
        configs: list[dict[str, Any]] = []
        targets = itertools.chain.from_iterable(config["targets"] for config in job["static_configs"])
        for target in targets:
            host, _, port = target.rpartition(":")
            for unit, address in units.items() if host == "*" else [(topology["unit"], host)]:
                place = f"{names[address][0]}:{port}"
                if port == EXPORTER_PORT:
                    place = nginx_exporter or place
                configs.append({"targets": [place], "labels": {**labels, "juju_unit": unit}})
        yield {**job, "job_name": f"{topology['application']}_{name}", "static_configs": configs}


@contextmanager
def exporter(folder: Path) -> Generator[str | None]:
    """The address of the real exporter for an nginx like the coordinator's; None if this machine lacks either
    of them.
    """
    if not EXPORTER:
        yield None
        return
    port, place = free_port(), f"127.0.0.1:{free_port()}"
    with RecordingBackend() as api, pytest.MonkeyPatch.context() as patch:
        patch.setattr(NginxConfig, "platform", platform_of(folder, binary=NGINX))
        text = sample_config(port, api.port).get_config({"api": ["127.0.0.1"]}, listen_tls=False)
        with RealNginx(folder, text, NGINX):
            process = subprocess.Popen(
                [
                    EXPORTER,
                    f"--nginx.scrape-uri=http://127.0.0.1:{port}/status",
                    f"--web.listen-address={place}",
                ],
                stderr=subprocess.DEVNULL,
            )
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/kv/a") as answer:
                    assert answer.status == 200
                yield place
            finally:
                process.kill()
                process.wait()


def is_seen_elsewhere(query: str) -> bool:
    """Return whether a query is about series that this run lacks for a known reason."""
    names = {name for name, _ in SELECTOR.findall(query)}
    away = NOT_IN_THE_SANDBOX | ONLY_IN_TROUBLE
    if EXPORTER is None:
        away |= {name for name in names if name.startswith("nginx_")}
    return bool(names) and names <= away


def rules_of(side: Side) -> list[dict[str, Any]]:
    return alert_rules.rules_of(json.loads(side.data.data["alert_rules"]))


def rules_of_all(sides: list[Side]) -> list[dict[str, Any]]:
    return list(itertools.chain.from_iterable(map(rules_of, sides)))


def test_every_published_target_is_up(prometheus: RealPrometheus):
    expected = {(BEACON, "15090"), ("api", "3300"), ("store", "3300")}
    if EXPORTER:
        assert prometheus.results(f'up{{juju_application="{COORDINATOR}"}} == 1')
    found = {
        (each["metric"]["juju_application"], each["metric"]["instance"].rpartition(":")[2])
        for each in prometheus.results("up == 1")
    }
    assert expected <= found


@pytest.mark.parametrize("name", [name for name, query in QUERIES.items() if not is_seen_elsewhere(query)])
def test_each_query_of_a_dashboard_finds_something(prometheus: RealPrometheus, name: str):
    assert prometheus.results(QUERIES[name]) != []


@pytest.mark.parametrize("name", [name for name, query in QUERIES.items() if is_seen_elsewhere(query)])
def test_each_other_query_can_be_asked(prometheus: RealPrometheus, name: str):
    assert prometheus.results(QUERIES[name]) == []


@pytest.mark.parametrize(
    "name", [name for name, (series, _) in VARIABLES.items() if EXPORTER or "nginx_" not in series]
)
def test_there_is_something_to_choose_in_each_dashboard(prometheus: RealPrometheus, name: str):
    series, label = VARIABLES[name]
    assert {each[label] for each in prometheus.series(series if "{" in series else f"{series}{{}}")} - {""}


def test_each_legend_names_labels_that_are_there(prometheus: RealPrometheus):
    for board in BOARDS:
        for panel in board.panels:
            for query in panel.targets:
                if query.datasource.type == "prometheus" and query.legend_labels:
                    for found in prometheus.results(board.filled(query.expr)):
                        assert query.legend_labels <= found["metric"].keys(), panel.title


def test_alerts_watch_series_that_are_there(prometheus: RealPrometheus, sides: tuple[World, list[Side]]):
    """By name, by the labels of their owner, and with each label that a rule uses."""
    watched = 0
    for rule in rules_of_all(sides[1]):
        for name, labels in SELECTOR.findall(rule["expr"]):
            if is_seen_elsewhere(f"{name}{{}}"):
                continue
            matchers = dict(LABEL.findall(labels))
            whose = ", ".join(f'{k}="{v}"' for k, v in matchers.items() if k.startswith("juju_"))
            series = prometheus.series(f"{name}{{{whose}}}")
            assert series, (rule["alert"], name, whose)
            assert all(matchers.keys() <= each.keys() for each in series), (rule["alert"], name)
            watched += 1
    assert watched >= 10


def test_no_alert_would_fire_while_all_is_well(prometheus: RealPrometheus, sides: tuple[World, list[Side]]):
    rules = rules_of_all(sides[1])
    fires = [rule["alert"] for rule in rules if prometheus.results(rule["expr"])]
    assert [alert for alert in fires if EXPORTER or alert != "CoordinatorNginxDown"] == []


def test_denied_source_and_destination_are_shown(prometheus: RealPrometheus):
    (refused,) = prometheus.results(QUERIES["Waypoint: Denied by source A"])
    assert refused["metric"] == {
        "source_workload_namespace": MODEL,
        "source_workload": "shop",
        "destination_service_namespace": MODEL,
        "destination_service_name": COORDINATOR,
    }


def test_workers_are_shown_by_roles(prometheus: RealPrometheus):
    up = prometheus.results(QUERIES["Workers: Up by roles A"])
    assert {each["metric"]["worker_roles"]: each["value"][1] for each in up} == {"api": "1", "store": "1"}
