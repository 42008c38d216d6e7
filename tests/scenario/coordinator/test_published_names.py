"""Names of the published library that coordinator charms call, override, assign and patch."""

import dataclasses
import importlib
import json
from unittest.mock import MagicMock

import ops
import pytest
import yaml
from ops import testing

import coordinated_workers
from coordinated_workers import coordinator as module
from coordinated_workers import helpers, nginx, worker_telemetry
from coordinated_workers.coordinator import Coordinator
from coordinated_workers.models import TLSConfig
from coordinated_workers.nginx import NginxConfig, NginxLocationConfig, NginxUpstream
from tests.scenario.coordinator import field_coordinator
from tests.scenario.coordinator.certified_cluster import CertifiedCluster
from tests.scenario.coordinator.field_cluster import APP, HOST, Cluster, address, published, store, workers
from tests.scenario.coordinator.field_coordinator import FieldCoordinator

OWN = {"otlp_http": f"http://{HOST}:4318"}


class TracingItself(Coordinator):
    """Names itself as the receiver of its workers' traces, as Tempo's coordinator does."""

    _default_active_message = "serving"
    destinations: list[str] = []  # noqa: RUF012

    @property
    def _charm_tracing_receivers_urls(self) -> dict[str, str]:
        return {**super()._charm_tracing_receivers_urls, **OWN}

    @property
    def _workload_tracing_receivers_urls(self) -> dict[str, str]:
        return {**super()._workload_tracing_receivers_urls, **OWN}

    def _setup_charm_tracing(self) -> None:
        self.destinations.append(f"http://localhost:4318/v1/traces for {self._charm.app.name}")


def test_subclass_names_receivers_of_traces(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(field_coordinator, "Coordinator", TracingItself)
    relation = workers(units=2)
    state = cluster.run(relation, store())
    assert published(state, relation)["charm_tracing_receivers"] == OWN
    assert published(state, relation)["workload_tracing_receivers"] == OWN
    assert TracingItself.destinations.pop() == f"http://localhost:4318/v1/traces for {APP}"
    assert state.unit_status == ops.ActiveStatus("serving")


def test_tests_of_charms_take_kubernetes_away(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    monkeypatch.setattr(Coordinator, "_reconcile_cluster_internal_mesh_policies", lambda _: [])
    patch = module.KubernetesComputeResourcesPatch
    monkeypatch.setattr(patch, "_namespace", "m")
    monkeypatch.setattr(patch, "_patch", lambda _: None)
    monkeypatch.setattr(module, "reconcile_charm_labels", lambda *_, **__: [])
    monkeypatch.setattr(Coordinator, "_consolidate_alert_rules", lambda _: None)
    state = cluster.run(workers(units=2), store())
    assert isinstance(state.unit_status, ops.ActiveStatus)
    monkeypatch.setattr(patch, "is_ready", lambda _: True)
    monkeypatch.setattr(patch, "get_status", lambda _: ops.BlockedStatus("juju trust"))
    assert cluster.run(workers(units=2), store()).unit_status == ops.BlockedStatus("juju trust")


def test_tests_of_charms_take_lightkubes_client_away(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    monkeypatch.setattr("lightkube.core.client.GenericSyncClient", MagicMock())
    monkeypatch.setattr(module.KubernetesComputeResourcesPatch, "get_status", lambda _: ops.ActiveStatus())
    monkeypatch.setattr(Coordinator, "_reconcile_charm_labels", lambda _: [])
    state = cluster.run(workers(units=2), store())
    assert isinstance(state.unit_status, ops.ActiveStatus)


def test_mock_of_kubernetes_ends_no_hook(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    monkeypatch.setattr("lightkube.core.client.GenericSyncClient", MagicMock())
    monkeypatch.setattr(module.KubernetesComputeResourcesPatch, "get_status", lambda _: ops.ActiveStatus())
    relation = workers(units=2)
    assert "worker_config" in published(cluster.run(relation, store()), relation)


def test_tests_of_charms_set_certificate(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    worker = workers(units=2)
    certified = CertifiedCluster.started(cluster, worker)
    monkeypatch.setattr(Coordinator, "tls_config", TLSConfig("own certificate", "own CA", "own key"))
    certified.run()
    assert certified.published(worker)["server_cert"] == "own certificate"
    assert certified.published(worker)["ca_cert"] == "own CA"
    assert certified.published(worker)["privkey_secret_id"].startswith("secret:")


def test_tests_of_charms_build_coordinator_by_hand(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Coordinator, "__init__", lambda self: None)
    coordinator = Coordinator()
    coordinator._override_coherency_checker = None
    coordinator._override_recommended_checker = None
    coordinator._roles_config = field_coordinator.ROLES
    coordinator.cluster = type("Cluster", (), {"gather_roles": lambda _: {"querier": 1, "ingester": 1}})()
    assert coordinator.is_coherent
    assert coordinator.is_recommended is False


def test_container_of_a_charms_test_is_optional(cluster: Cluster):
    state = cluster.run(workers(units=2), store(), containers=[])
    assert state.unit_status == ops.WaitingStatus("waiting for container nginx")


class OnOnePort(FieldCoordinator):
    """Has nginx answer on the same port with TLS and without, as Loki's coordinator does."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.coordinator.nginx_exporter._nginx_port = 3300
        self.coordinator.nginx_exporter._nginx_tls_port = 3300


@pytest.mark.parametrize(
    ("charm", "port"), [(FieldCoordinator, 3200), (OnOnePort, 3200)], ids=["by default", "assigned"]
)
def test_exporter_asks_port_on_which_nginx_listens(
    cluster: Cluster, charm: type[FieldCoordinator], port: int
):
    cluster.charm = charm
    plan = cluster.run(workers(units=2), store()).get_container("nginx-prometheus-exporter").plan
    assert f"127.0.0.1:{port}/status" in plan.services["nginx-prometheus-exporter"].command


def test_exporter_asks_port_that_is_assigned(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    cluster.charm = OnOnePort
    served = NginxConfig(
        "field", [], {port: [NginxLocationConfig("/")] for port in (3200, 3300)}, enable_status_page=True
    )
    monkeypatch.setattr(field_coordinator, "NginxConfig", lambda **_: served)
    plan = cluster.run(workers(units=2), store()).get_container("nginx-prometheus-exporter").plan
    assert "127.0.0.1:3300/status" in plan.services["nginx-prometheus-exporter"].command


def test_exporter_asks_former_port_while_nginx_rejects_another(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
):
    rejecting = testing.Exec(["nginx", "-s", "reload"], return_code=1, stderr="bind() failed")
    accepting = testing.Exec(["nginx", "-s", "reload"])
    asked: list[str] = []
    state = cluster.state(workers(units=2), store())
    for port, reload in ((3200, accepting), (4200, rejecting), (4200, accepting)):
        served = NginxConfig("field", [], {port: [NginxLocationConfig("/")]}, enable_status_page=True)
        monkeypatch.setattr(field_coordinator, "NginxConfig", lambda served=served, **_: served)
        nginx_container = dataclasses.replace(state.get_container("nginx"), execs={reload})
        exporter = state.get_container("nginx-prometheus-exporter")
        state = dataclasses.replace(state, containers=frozenset({nginx_container, exporter}))
        state = cluster.run(state=state)
        service = state.get_container("nginx-prometheus-exporter").plan.services["nginx-prometheus-exporter"]
        asked += [word for word in service.command.split() if "scrape-uri" in word]
    assert asked == [f"--nginx.scrape-uri=http://127.0.0.1:{port}/status" for port in (3200, 3200, 4200)]


@pytest.mark.parametrize("host", ["localhost", "worker-0.test:9095"])
def test_unroutable_workers_count_and_get_no_requests(cluster: Cluster, host: str):
    relation = workers(units=2)
    units = {unit: {**sent, "address": json.dumps(host)} for unit, sent in relation.remote_units_data.items()}
    relation = dataclasses.replace(relation, remote_units_data=units)
    state = cluster.run(relation, store())
    assert yaml.safe_load(published(state, relation)["worker_config"])["ingesters"] == [host]
    assert isinstance(state.unit_status, ops.ActiveStatus)
    assert f"server {host}" not in (cluster.files / "nginx/nginx/nginx.conf").read_text()


def test_worker_has_name_from_juju(cluster: Cluster):
    relation = workers(units=2)
    liar = {"application": "other", "unit": "other/0", "charm_name": "c"}
    units = {**relation.remote_units_data}
    units[0] = {"address": json.dumps(address("worker", 0)), "juju_topology": json.dumps(liar)}
    relation = dataclasses.replace(relation, remote_units_data=units)
    with cluster.context(cluster.context.on.update_status(), cluster.state(relation, store())) as manager:
        topology = manager.charm.coordinator.cluster.gather_topology()
    assert [unit["unit"] for unit in topology] == ["worker/0", "worker/1"]
    assert any("worker/0 sent the name other/0" in log.message for log in cluster.context.juju_log)


def test_what_tests_put_into_module_of_nginx_counts(monkeypatch: pytest.MonkeyPatch, tmp_path):
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("nameserver 198.18.0.0")
    for enabled in (True, False):
        with monkeypatch.context() as patched:
            patched.setattr(nginx, "is_ipv6_enabled", lambda enabled=enabled: enabled)
            patched.setattr(nginx, "RESOLV_CONF_PATH", str(resolv_conf))
            config = NginxConfig("n", [NginxUpstream("a", 1, "r")], {80: [NginxLocationConfig("/", "a")]})
        text = config.get_config({"r": {"192.0.2.1"}}, False)
        assert ("listen [::]:80" in text) is enabled
        assert "resolver 198.18.0.0;" in text
        assert "server 192.0.2.1:1 resolve;" in text


@pytest.mark.parametrize("name", sorted(coordinated_workers._compatibility.LAZY_NAMES))
def test_package_has_its_classes(name: str):
    lazily = importlib.import_module(
        f"coordinated_workers.{coordinated_workers._compatibility.LAZY_NAMES[name]}"
    )
    assert getattr(coordinated_workers, name) is getattr(lazily, name)
    with pytest.raises(AttributeError):
        _ = coordinated_workers.NoSuchName


def test_missing_libraries_are_named():
    helpers.check_libs_installed("json", "coordinated_workers.nginx")
    with pytest.raises(RuntimeError, match=r"charmcraft fetch-lib charms\.none\.v0\.none"):
        helpers.check_libs_installed("json", "charms.none.v0.none")


def test_functions_of_telemetry_proxy_give_its_urls():
    urls = worker_telemetry.proxy_tracing_receivers_urls("c", 3300, True, "charm-tracing", ["otlp_http"])
    assert urls == {"otlp_http": "https://c:3300/proxy/charm-tracing/otlp_http/"}
    backends = [{"url": "http://prometheus-0.prometheus-endpoints.cos:9090/api/v1/write"}]
    proxied = worker_telemetry.proxy_remote_write_endpoints("c", 3300, False, backends)
    assert proxied == [{"url": "http://c:3300/proxy/remote-write/prometheus-0/write"}]
