"""Published URLs agree with what nginx serves when they are published."""

import dataclasses
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from charmlibs.interfaces.tls_certificates import (
    Certificate,
    CertificateRequestAttributes,
    CertificateSigningRequest,
    PrivateKey,
)
from ops import testing

from tests.scenario.demo.key_value_model import (
    COORDINATOR,
    MODEL,
    app_data,
    coordinator_context,
    coordinator_state,
    workers,
)

SERVICE = f"{COORDINATOR}.{MODEL.name}.svc.cluster.local"
LABEL = "afd8c2bccf834997afce12c2706d2ede-private-key-0-certificates"
RELOAD = ["nginx", "-s", "reload"]


class Coordinator:
    """A coordinator with a relation for each URL that it publishes; its files outlast a hook."""

    def __init__(self, folder: Any):
        self.context = coordinator_context()
        self._mounts = {}
        for number, place in enumerate(("/etc/nginx", "/usr/local/share")):
            source = folder / str(number)
            source.mkdir()
            self._mounts[str(number)] = testing.Mount(location=place, source=source)
        self.conf = folder / "0/nginx.conf"
        receiver = {"protocol": {"name": "otlp_http", "type": "http"}, "url": "http://tempo.cos:4318"}
        loki = {"endpoint": json.dumps({"url": "http://loki-0.cos:3100/push"})}
        prometheus = {"remote_write": json.dumps({"url": "http://prometheus-0.cos:9090/write"})}
        tempo = {"receivers": json.dumps([receiver])}
        self.cluster = workers()
        self.certificates = testing.Relation("certificates", remote_app_name="ca")
        self.catalogue = testing.Relation("catalogue", remote_app_name="catalogue")
        self.kv_api = testing.Relation("kv-api", remote_app_name="shop")
        self.scraper = testing.Relation("metrics-endpoint", remote_app_name="prometheus")
        self.grafana = testing.Relation("grafana-source", remote_app_name="grafana")
        key = testing.Secret({"private-key": str(PrivateKey.generate())}, label=LABEL, owner="unit")
        self.state = coordinator_state(
            *(self.cluster, self.certificates, self.catalogue, self.kv_api, self.scraper, self.grafana),
            testing.PeerRelation("peers"),
            testing.Relation("logging", remote_app_name="loki", remote_units_data={0: loki}),
            testing.Relation("send-remote-write", remote_app_name="p", remote_units_data={0: prometheus}),
            testing.Relation("self-charm-tracing", remote_app_name="tempo", remote_app_data=tempo),
            testing.Relation("self-workload-tracing", remote_app_name="tempo", remote_app_data=tempo),
            secrets=[key],
        )
        self.reload_fails(False)

    def reload_fails(self, fails: bool) -> None:
        reload = testing.Exec(RELOAD, return_code=int(fails), stderr="nginx: [emerg] no" if fails else "")
        execs = {reload, testing.Exec(["update-ca-certificates", "--fresh"])}
        nginx = self.state.get_container("nginx")
        nginx = dataclasses.replace(nginx, execs=execs, mounts=self._mounts)
        others = {each for each in self.state.containers if each.name != "nginx"}
        self.state = dataclasses.replace(self.state, containers={nginx, *others})

    def pebble_answers(self, answers: bool) -> None:
        nginx = dataclasses.replace(self.state.get_container("nginx"), can_connect=answers)
        others = {each for each in self.state.containers if each.name != "nginx"}
        self.state = dataclasses.replace(self.state, containers={nginx, *others})

    def run(self, event: Callable[[testing.CharmEvents], Any] = lambda on: on.update_status()) -> None:
        self.state = self.context.run(event(self.context.on), self.state)

    def change(self, relation: testing.Relation, **data: str) -> None:
        known = self.state.get_relation(relation.id)
        changed = dataclasses.replace(known, remote_app_data=data)
        others = {each for each in self.state.relations if each.id != relation.id}
        self.state = dataclasses.replace(self.state, relations={changed, *others})

    def certify(self) -> None:
        requested = json.loads(
            self.state.get_relation(self.certificates.id).local_unit_data["certificate_signing_requests"]
        )[0]["certificate_signing_request"]
        ca_key, day = PrivateKey.generate(), timedelta(days=1)
        ca = Certificate.generate_self_signed_ca(CertificateRequestAttributes(common_name="ca"), ca_key, day)
        signed = Certificate.generate(CertificateSigningRequest.from_string(requested), ca, ca_key, day)
        answer = {
            "certificate_signing_request": requested,
            "certificate": str(signed),
            "ca": str(ca),
            "chain": [],
        }
        self.change(self.certificates, certificates=json.dumps([answer]))

    @property
    def served(self) -> str:
        """The scheme of nginx's configuration."""
        return "https" if " ssl;" in self.conf.read_text() else "http"

    def urls(self) -> dict[str, str]:
        """Every published URL that leads to nginx."""
        databag = {key: json.loads(value) for key, value in app_data(self.state, self.cluster).items()}
        telemetry = json.loads(databag["worker_config"])["telemetry"]
        job = next(
            job
            for job in json.loads(app_data(self.state, self.scraper)["scrape_jobs"])
            if job["metrics_path"].startswith("/proxy/")
        )
        return {
            "catalogue": app_data(self.state, self.catalogue)["url"],
            "kv-api": app_data(self.state, self.kv_api)["url"],
            "grafana": self.state.get_relation(self.grafana.id).local_unit_data["grafana_source_host"],
            "scrape": f"{job['scheme']}://{job['static_configs'][0]['targets'][0]}",
            "loki": databag["loki_endpoints"]["loki/0"],
            "charm traces": databag["charm_tracing_receivers"]["otlp_http"],
            "workload traces": databag["workload_tracing_receivers"]["otlp_http"],
            "remote-write": databag["remote_write_endpoints"][0]["url"],
            "program's logs": telemetry["loki"][0],
            "program's metrics": telemetry["remote_write"][0],
            "program's traces": telemetry["otlp_http"],
        }

    def false_urls(self) -> dict[str, str]:
        return {
            name: url
            for name, url in self.urls().items()
            if not url.startswith(f"{self.served}://{SERVICE}:")
        }


@pytest.fixture
def coordinator(tmp_path: Any) -> Coordinator:
    return Coordinator(tmp_path)


@pytest.fixture
def certified(coordinator: Coordinator) -> Coordinator:
    coordinator.run()
    coordinator.certify()
    coordinator.run()
    return coordinator


def test_before_certificate_has_come(coordinator: Coordinator):
    coordinator.run()
    assert coordinator.served == "http"
    assert coordinator.false_urls() == {}


def test_with_a_certificate(certified: Coordinator):
    assert certified.served == "https"
    assert certified.false_urls() == {}


def served_before(coordinator: Coordinator, comes: bool) -> str:
    """Run hooks up to where the certificate comes or goes, and return the scheme that nginx then serves."""
    coordinator.run()
    if not comes:
        coordinator.certify()
        coordinator.run()
    return coordinator.served


def change_certificate(coordinator: Coordinator, comes: bool) -> None:
    """Provide the certificate, or take it away, without a hook."""
    if comes:
        coordinator.certify()
    else:
        coordinator.change(coordinator.certificates)


@pytest.mark.parametrize("comes", [True, False], ids=["certificate comes", "certificate goes"])
def test_nginx_that_does_not_load_its_configuration(coordinator: Coordinator, comes: bool):
    before = served_before(coordinator, comes)
    coordinator.reload_fails(True)
    change_certificate(coordinator, comes)
    coordinator.run()
    assert coordinator.served == before
    assert coordinator.false_urls() == {}
    coordinator.reload_fails(False)
    coordinator.run()
    assert coordinator.served != before
    assert coordinator.false_urls() == {}


@pytest.mark.parametrize("comes", [True, False], ids=["certificate comes", "certificate goes"])
def test_pebble_that_does_not_answer(coordinator: Coordinator, comes: bool):
    before = served_before(coordinator, comes)
    coordinator.pebble_answers(False)
    change_certificate(coordinator, comes)
    for _ in range(2):
        coordinator.run()
        assert coordinator.served == before
        assert coordinator.false_urls() == {}
    coordinator.pebble_answers(True)
    coordinator.run()
    assert coordinator.served != before
    assert coordinator.false_urls() == {}


def test_certificate_that_is_taken_back(certified: Coordinator):
    certified.change(certified.certificates)
    certified.run()
    assert certified.served == "http"
    assert certified.false_urls() == {}


def test_mesh_that_is_joined_and_left(certified: Coordinator):
    labels = json.dumps({"istio.io/dataplane-mode": "ambient"})
    beacon = testing.Relation(
        "service-mesh", remote_app_name="beacon", remote_app_data={"labels": labels, "mesh_type": '"istio"'}
    )
    relations = {*certified.state.relations, beacon}
    certified.state = dataclasses.replace(certified.state, relations=relations)
    certified.run(lambda on: on.relation_changed(beacon))
    assert certified.served == "http"
    assert certified.false_urls() == {}
    certified.run(lambda on: on.relation_broken(certified.state.get_relation(beacon.id)))
    assert certified.served == "https"
    assert certified.false_urls() == {}


def test_container_that_starts_anew(certified: Coordinator):
    certified.conf.unlink()
    (certified.conf.parent / "nginx.conf.loaded").unlink()
    certified.run(lambda on: on.pebble_ready(certified.state.get_container("nginx")))
    assert certified.served == "https"
    assert certified.false_urls() == {}


def test_exporter_asks_nginx_as_it_serves(coordinator: Coordinator):
    coordinator.run()
    coordinator.reload_fails(True)
    coordinator.certify()
    coordinator.run()
    plan = coordinator.state.get_container("nginx-prometheus-exporter").plan
    assert "--nginx.scrape-uri=http://" in plan.services["nginx-prometheus-exporter"].command


def test_each_units_exporter_has_scheme_of_its_own(certified: Coordinator):
    peers = certified.state.get_relations("peers")[0]
    assert peers.local_unit_data["scheme"] == "https"
    databag = {
        1: {"hostname": "kv-1.test", "scheme": "http"},
        2: {"hostname": "kv-2.test"},
        3: {"scheme": "https"},
    }
    others = {each for each in certified.state.relations if each.id != peers.id}
    certified.state = dataclasses.replace(
        certified.state, relations={dataclasses.replace(peers, peers_data=databag), *others}
    )
    certified.run()
    jobs = json.loads(app_data(certified.state, certified.scraper)["scrape_jobs"])
    schemes = {job["static_configs"][0]["targets"][0].partition(".")[0]: job["scheme"] for job in jobs}
    assert (schemes["kv-0"], schemes["kv-1"], schemes["kv-2"]) == ("https", "http", "https")
    assert "kv-3" not in schemes
