import dataclasses
import json
from pathlib import Path

import pytest
import yaml
from ops import testing

from tests.scenario.demo.key_value_model import (
    COORDINATOR,
    MODEL,
    app_data,
    coordinator_context,
    coordinator_state,
    fqdn,
    policies,
    run_coordinator,
    workers,
)
from tests.support.alert_rules import rules_of

CHARM = Path(__file__).parents[3] / "charms/demo-coordinator-k8s"
CHARMCRAFT = yaml.safe_load((CHARM / "charmcraft.yaml").read_text())
ENDPOINTS = [*CHARMCRAFT["requires"], *CHARMCRAFT["provides"]]
SERVICE = f"{COORDINATOR}.{MODEL.name}.svc.cluster.local"


@pytest.fixture(autouse=True)
def in_the_charms_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Juju runs charms there; alert rules and dashboards are files in it."""
    monkeypatch.chdir(CHARM)


def kv_api(app: str = "shop") -> testing.Relation:
    return testing.Relation("kv-api", remote_app_name=app)


def loki() -> testing.Relation:
    endpoint = {"endpoint": json.dumps({"url": "http://loki-0.cos:3100/loki/api/v1/push"})}
    return testing.Relation("logging", remote_app_name="loki", remote_units_data={0: endpoint})


def prometheus() -> testing.Relation:
    endpoint = {"remote_write": json.dumps({"url": "http://prometheus-0.cos:9090/api/v1/write"})}
    return testing.Relation(
        "send-remote-write", remote_app_name="prometheus", remote_units_data={0: endpoint}
    )


def tempo() -> testing.Relation:
    receiver = {"protocol": {"name": "otlp_http", "type": "http"}, "url": "http://tempo.cos:4318"}
    data = {"receivers": json.dumps([receiver])}
    return testing.Relation("self-workload-tracing", remote_app_name="tempo", remote_app_data=data)


def bucket(**sent: str) -> testing.Relation:
    data = {"bucket": "kv", "endpoint": "http://minio:9000", "access-key": "a", "secret-key": "s", **sent}
    return testing.Relation("s3", remote_app_name="minio", remote_app_data=data)


def beacon() -> testing.Relation:
    data = {"labels": json.dumps({"istio.io/dataplane-mode": "ambient"}), "mesh_type": '"istio"'}
    return testing.Relation("service-mesh", remote_app_name="beacon", remote_app_data=data)


def config_of(state: testing.State, relation: testing.Relation) -> dict:
    """Return the workers' configuration."""
    return json.loads(json.loads(app_data(state, relation)["worker_config"]))


def nginx_conf(*relations: testing.RelationBase) -> str:
    context = coordinator_context()
    state = context.run(context.on.update_status(), coordinator_state(*relations))
    filesystem = state.get_container("nginx").get_filesystem(context)
    return (filesystem / "etc/nginx/nginx.conf").read_text()


def test_cluster_with_all_roles_is_active():
    assert run_coordinator(workers()).unit_status == testing.ActiveStatus()
    separate = (workers("api", "front"), workers("store", "back", units=3))
    assert run_coordinator(*separate).unit_status == testing.ActiveStatus()


def test_status_names_missing_roles():
    nothing = run_coordinator().unit_status
    assert isinstance(nothing, testing.BlockedStatus)
    assert "demo-cluster" in nothing.message
    no_store = run_coordinator(workers("api")).unit_status
    assert isinstance(no_store, testing.BlockedStatus)
    assert "store" in no_store.message


def test_bucket_is_optional_but_must_be_valid():
    assert run_coordinator(workers(), bucket()).unit_status == testing.ActiveStatus()
    unusable = run_coordinator(workers(), bucket(endpoint="")).unit_status
    assert isinstance(unusable, testing.BlockedStatus)
    assert unusable.message.startswith("s3")


def test_bucket_that_is_taken_away_again_is_not_missed():
    context, s3 = coordinator_context(), bucket()
    state = context.run(context.on.relation_broken(s3), coordinator_state(workers(), s3))
    assert state.unit_status == testing.ActiveStatus()


def test_workers_are_reported_every_store():
    front, back = workers("api", "front"), workers("store", "back", units=2)
    state = run_coordinator(front, back)
    expected = {
        "port": 8080,
        "stores": [f"http://{fqdn('back', 0)}:8080", f"http://{fqdn('back', 1)}:8080"],
        "tls": None,
        "telemetry": {"loki": [], "remote_write": [], "otlp_http": None},
    }
    assert config_of(state, front) == config_of(state, back) == expected


def test_workers_send_all_telemetry_through_coordinator():
    cluster = workers()
    config = config_of(run_coordinator(cluster, loki(), prometheus(), tempo()), cluster)
    assert config["telemetry"] == {
        "loki": [f"http://{SERVICE}:3300/proxy/loki/loki-0/push"],
        "remote_write": [f"http://{SERVICE}:3300/proxy/remote-write/prometheus-0/write"],
        "otlp_http": f"http://{SERVICE}:3300/proxy/workload-tracing/otlp_http/",
    }


def test_incomplete_cluster_gets_no_data():
    cluster = workers("api")
    assert "worker_config" not in app_data(run_coordinator(cluster), cluster)


def test_nginx_shares_requests_among_api_workers_only():
    conf = nginx_conf(workers("api", "front", units=2), workers("store", "back"))
    upstream = conf.partition("upstream api {")[2].partition("}")[0]
    assert fqdn("front", 0) in upstream
    assert fqdn("front", 1) in upstream
    assert fqdn("back") not in upstream


@pytest.mark.parametrize("location", ["location /store/ {", "location = /metrics {"])
def test_nginx_keeps_from_users_what_is_not_for_them(location):
    conf = nginx_conf(workers())
    assert "return 404;" in conf.partition(location)[2].partition("}")[0]


def at(address: str, role: str = "all", app: str = "worker") -> testing.Relation:
    """A worker application whose one unit is at this address."""
    relation = workers(role, app)
    relation.remote_units_data[0]["address"] = json.dumps(address)
    return relation


@pytest.mark.parametrize("address", ["fd00::1", "FD00:0:0::1", "2001:db8::10.1.2.3"])
def test_worker_may_have_ipv6_address(address: str):
    relation, metrics = at(address), testing.Relation("metrics-endpoint", remote_app_name="prometheus")
    state = run_coordinator(relation, metrics)
    assert config_of(state, relation)["stores"] == [f"http://[{address}]:8080"]
    assert state.unit_status == testing.ActiveStatus()
    assert f"server [{address}]:8080" in nginx_conf(at(address))


@pytest.mark.parametrize("address", ["localhost", "worker-0.test:9095"])
def test_address_to_which_nothing_is_sent_is_no_store(address: str):
    odd, other = at(address), workers("store", "back")
    state = run_coordinator(odd, other)
    assert config_of(state, odd)["stores"] == [f"http://{fqdn('back')}:8080"]


def test_coordinator_may_have_ipv6_address(on_host):
    on_host("fd00::5")
    relation, api, metrics = workers(), kv_api(), testing.Relation("metrics-endpoint")
    catalogue, logging = testing.Relation("catalogue"), loki()
    state = run_coordinator(relation, api, metrics, catalogue, logging)
    assert app_data(state, api) == {"url": "http://[fd00::5]:8080"}
    assert app_data(state, catalogue)["url"] == "http://[fd00::5]:8080"
    assert config_of(state, relation)["telemetry"]["loki"] == ["http://[fd00::5]:3300/proxy/loki/loki-0/push"]
    jobs = json.loads(app_data(state, metrics)["scrape_jobs"])
    targets = {job["static_configs"][0]["targets"][0] for job in jobs}
    assert targets == {"[fd00::5]:3300", "[fd00::5]:9113"}
    unit = state.get_relation(metrics.id).local_unit_data
    assert unit["prometheus_scrape_unit_address"] == "[fd00::5]"


def test_ports_for_users_and_for_telemetry_are_open():
    assert run_coordinator().opened_ports == {testing.TCPPort(8080), testing.TCPPort(3300)}


def test_ports_of_older_revision_are_closed():
    state = run_coordinator(opened_ports={testing.TCPPort(8080), testing.TCPPort(4300)})
    assert state.opened_ports == {testing.TCPPort(8080), testing.TCPPort(3300)}


def test_related_applications_get_the_url():
    relation = kv_api()
    assert app_data(run_coordinator(workers(), relation), relation) == {"url": f"http://{SERVICE}:8080"}


def test_later_application_gets_the_url_at_once():
    context, relation = coordinator_context(), kv_api()
    state = context.run(context.on.relation_created(relation), coordinator_state(workers(), relation))
    assert app_data(state, relation) == {"url": f"http://{SERVICE}:8080"}


def test_where_there_is_no_service_there_is_no_url():
    relation = dataclasses.replace(kv_api(), local_app_data={"url": f"http://{SERVICE}:8080"})
    assert app_data(run_coordinator(workers("store"), relation), relation) == {}


def test_only_leader_publishes_for_application():
    relation, cluster, mesh = kv_api(), workers(), beacon()
    state = run_coordinator(relation, cluster, mesh, leader=False)
    assert state.unit_status == testing.ActiveStatus()
    for one in (relation, cluster, mesh):
        assert app_data(state, one) == {}


def test_related_applications_may_get_and_put_keys_only():
    mesh = beacon()
    state = run_coordinator(workers(), kv_api("shop"), mesh)
    (policy,) = policies(state, mesh)
    assert (policy["source_app_name"], policy["target_app_name"]) == ("shop", COORDINATOR)
    assert policy["target_type"] == "app"
    assert policy["endpoints"] == [
        {"hosts": None, "ports": [8080], "methods": ["GET", "PUT"], "paths": ["/kv/{*}"]}
    ]


def test_workers_are_in_mesh_with_their_coordinator():
    cluster = workers()
    data = app_data(run_coordinator(cluster, beacon()), cluster)
    assert json.loads(data["worker_labels"]) == {
        "app.kubernetes.io/part-of": COORDINATOR,
        "istio.io/dataplane-mode": "ambient",
    }


def test_scrape_jobs_and_alerts_are_published():
    metrics = testing.Relation("metrics-endpoint", remote_app_name="prometheus")
    data = app_data(run_coordinator(workers(units=2), metrics), metrics)
    paths = {job.get("metrics_path") for job in json.loads(data["scrape_jobs"])}
    assert {"/proxy/worker/worker-0/metrics", "/proxy/worker/worker-1/metrics"} <= paths
    alerts = {rule["alert"] for rule in rules_of(json.loads(data["alert_rules"]))}
    assert {"KvRequestsFail", "KvStoreUnreachable", "KvNginxDropsConnections", "WorkerDown"} <= alerts


def test_loki_is_reported_services_own_alerts():
    logging = loki()
    rules = json.loads(app_data(run_coordinator(workers(), logging), logging)["alert_rules"])
    assert "KvFault" in {rule["alert"] for rule in rules_of(rules)}


def test_grafana_gets_services_dashboard():
    dashboards = testing.Relation("grafana-dashboard", remote_app_name="grafana")
    data = app_data(run_coordinator(workers(), dashboards), dashboards)
    template = json.loads(data["dashboards"])["templates"]["file:key-value-service"]
    assert template["charm"] == "demo-coordinator-k8s"


def test_catalogue_lists_service():
    catalogue = testing.Relation("catalogue", remote_app_name="catalogue")
    data = app_data(run_coordinator(workers(), catalogue), catalogue)
    assert (data["name"], data["url"]) == ("Key-value service", f"http://{SERVICE}:8080")


def test_limit_that_does_not_parse_is_named():
    status = run_coordinator(workers(), config={"memory-limit": "much"}).unit_status
    assert isinstance(status, testing.BlockedStatus)
    assert "memory-limit" in status.message


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_empty_relations_come_and_go(endpoint):
    context = coordinator_context()
    relation = testing.Relation(endpoint, remote_app_name="other")
    state = coordinator_state(workers(), relation)
    for event in (context.on.relation_created, context.on.relation_broken):
        state = context.run(event(state.get_relation(relation.id)), state)
    assert state.unit_status == testing.ActiveStatus()


def test_follower_accepts_empty_relations():
    silent = (testing.Relation(each, remote_app_name="other") for each in ENDPOINTS if each != "s3")
    state = run_coordinator(workers(), *silent, leader=False)
    assert state.unit_status == testing.ActiveStatus()


@pytest.mark.parametrize(
    ("endpoint", "interface"),
    [
        ("certificates", "tls-certificates"),
        ("s3", "s3"),
        ("logging", "loki_push_api"),
        ("self-charm-tracing", "tracing"),
        ("self-workload-tracing", "tracing"),
        ("send-remote-write", "prometheus_remote_write"),
        ("catalogue", "catalogue"),
        ("service-mesh", "service_mesh"),
        ("require-cmr-mesh", "cross_model_mesh"),
        ("provide-cmr-mesh", "cross_model_mesh"),
        ("demo-cluster", "demo_cluster"),
        ("kv-api", "kv_api"),
        ("metrics-endpoint", "prometheus_scrape"),
        ("grafana-dashboard", "grafana_dashboard"),
        ("send-datasource", "grafana_datasource_exchange"),
        ("receive-datasource", "grafana_datasource_exchange"),
    ],
)
def test_charm_has_all_relations_of_a_coordinator(endpoint, interface):
    related = {**CHARMCRAFT["requires"], **CHARMCRAFT["provides"]}[endpoint]
    assert related["interface"] == interface
