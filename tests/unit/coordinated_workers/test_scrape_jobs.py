import ops
import pytest
from ops import testing

from coordinated_workers.telemetry.scrape_jobs import NginxExporter, ScrapedWorker, nginx_jobs, worker_jobs
from coordinated_workers.worker_telemetry import (
    ProxyServer,
    TelemetryBackends,
    proxy_telemetry,
)

HOSTS = {"a/0": "a-0.example", "b/0": "not; a host"}


@pytest.mark.parametrize(("proxied", "names"), [(True, ["a/0"]), (False, ["a/0", "b/0"])])
def test_worker_that_proxy_does_not_know_has_no_job(proxied: bool, names: list[str]):
    proxy = proxy_telemetry(
        HOSTS,
        worker_metrics_port=80,
        backends=TelemetryBackends(),
        server=ProxyServer("here", 81, False),
    )
    units = [ScrapedWorker(name, name[0], "charm", host, "api") for name, host in HOSTS.items()]
    context = testing.Context(ops.CharmBase, meta={"name": "here"})
    with context(context.on.start(), testing.State()) as manager:
        jobs = worker_jobs(
            manager.charm, units, metrics_port=80, scheme="http", proxy=proxy if proxied else None
        )
    assert [job.labels["juju_unit"] for job in jobs] == names
    assert {job.name for job in jobs} == {None}


def test_ipv6_address_is_target_that_can_be_parsed():
    worker = ScrapedWorker("a/0", "a", "charm", "fd00::1", "api")
    context = testing.Context(ops.CharmBase, meta={"name": "here"})
    with context(context.on.start(), testing.State()) as manager:
        [job] = worker_jobs(manager.charm, [worker], metrics_port=80, scheme="http", proxy=None)
        [own] = nginx_jobs(manager.charm, {"here/0": NginxExporter("fd00::2", "http")}, exporter_port=9113)
    assert (job.targets, own.targets) == (("[fd00::1]:80",), ("[fd00::2]:9113",))
