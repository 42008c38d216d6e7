"""Each relation for telemetry, dashboards, data or the catalogue."""

import json
from pathlib import Path

import ops
import pytest
import yaml
from cosl import LZMABase64
from ops import testing

from tests.scenario.coordinator.field_cluster import (
    APP,
    CONTAINERS,
    HOST,
    MODEL,
    SERVICE,
    Cluster,
    address,
    container,
    local,
    loki,
    published,
    store,
    tracing,
    workers,
)
from tests.scenario.coordinator.field_coordinator import REMOTE_WRITE, DirectCoordinator
from tests.support.alert_rules import rules_of
from tests.support.certificates import certificate_and_key

CERTIFICATE = certificate_and_key()[0].decode()
PROXY = f"http://{SERVICE}:3300/proxy"


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The charm's `src`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    return tmp_path / "src"


def rule(path: Path, alert: str, expr: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"alert": alert, "expr": expr, "for": "5m"}))


def alerts(rules: dict) -> list[tuple[str, str, str]]:
    return sorted((one["alert"], one["labels"]["juju_application"], one["expr"]) for one in rules_of(rules))


class TestMetrics:
    relation = testing.Relation("metrics-endpoint", remote_app_name="prometheus")

    def jobs(self, cluster: Cluster, *relations: testing.RelationBase, **kwargs) -> dict[str, dict]:
        state = cluster.run(self.relation, *relations, **kwargs)
        jobs = published(state, self.relation)["scrape_jobs"]
        assert not [job for job in jobs if "job_name" in job]
        return {self.name(job): job for job in jobs}

    def name(self, job: dict) -> str:
        """The unit whose metrics the job collects, and of which part."""
        labels = self.labels(job)
        nginx = "nginx-" if labels["juju_application"] == APP else ""
        return nginx + labels["juju_unit"].replace("/", "-")

    def labels(self, job: dict) -> dict[str, str]:
        return {one["target_label"]: one["replacement"] for one in job["relabel_configs"]}

    def test_each_worker_is_scraped_through_proxy(self, cluster: Cluster):
        jobs = self.jobs(cluster, store(), workers(units=2))
        assert set(jobs) == {"worker-0", "worker-1", "nginx-field-0"}
        assert jobs["worker-1"]["static_configs"] == [{"targets": [f"{SERVICE}:3300"]}]
        assert jobs["worker-1"]["metrics_path"] == "/proxy/worker/worker-1/metrics"
        assert jobs["worker-1"]["scheme"] == "http"

    def test_without_proxy_each_worker_is_scraped_itself(self, cluster: Cluster):
        cluster.charm = DirectCoordinator
        job = self.jobs(cluster, store(), workers())["worker-0"]
        assert job["static_configs"] == [{"targets": [f"{address('worker', 0)}:3100"]}]
        assert job["metrics_path"] == "/metrics"

    def test_series_keep_labels_of_the_worker(self, cluster: Cluster):
        assert self.labels(self.jobs(cluster, workers())["worker-0"]) == {
            "juju_model": "m",
            "juju_model_uuid": MODEL.uuid,
            "juju_application": "worker",
            "juju_unit": "worker/0",
            "juju_charm": "field-worker-k8s",
            "worker_roles": "all",
        }

    def test_each_coordinator_has_its_exporter_scraped(self, cluster: Cluster):
        peers = testing.PeerRelation("peers", peers_data={1: {"hostname": "other"}, 2: {}})
        jobs = self.jobs(cluster, peers)
        assert jobs["nginx-field-0"]["static_configs"] == [{"targets": [f"{HOST}:9113"]}]
        assert jobs["nginx-field-1"]["static_configs"] == [{"targets": ["other:9113"]}]
        assert self.labels(jobs["nginx-field-1"])["juju_unit"] == "field/1"
        assert "nginx-field-2" not in jobs

    def test_each_unit_publishes_its_address(self, cluster: Cluster):
        state = cluster.run(self.relation, leader=False)
        databag = local(state, self.relation)
        assert databag.local_unit_data["prometheus_scrape_unit_address"] == HOST
        assert databag.local_app_data == {}

    def test_rules_of_this_library_watch_nginx_and_workers(self, cluster: Cluster, source: Path):
        state = cluster.run(self.relation, workers("w"), workers("v"))
        found = alerts(published(state, self.relation)["alert_rules"])
        assert [(alert, app) for alert, app, _ in found] == [
            ("CoordinatorNginxDown", "field"),
            ("CoordinatorReconcileFailing", "field"),
            ("WorkerDown", "v"),
            ("WorkerDown", "w"),
            ("WorkerTelemetryProxyFailing", "v"),
            ("WorkerTelemetryProxyFailing", "w"),
            ("WorkersMissing", "v"),
            ("WorkersMissing", "w"),
        ]
        matchers = f'juju_model="m", juju_model_uuid="{MODEL.uuid}", juju_application="v"'
        assert ("WorkerDown", "v", f"up{{{matchers}}} == 0") in found

    def test_rules_of_charm_are_added(self, cluster: Cluster, source: Path):
        rule(source / "prometheus_alert_rules/nginx/slow.rule", "Slow", "slow{%%juju_topology%%} > 1")
        rule(
            source / "prometheus_alert_rules/workers/full.yaml", "Full", 'full{%%juju_topology%%, a="b"} > 1'
        )
        state = cluster.run(self.relation, workers("w"))
        rules = published(state, self.relation)["alert_rules"]
        found = {(alert, app): expr for alert, app, expr in alerts(rules)}
        assert 'juju_application="field"' in found["Slow", "field"]
        assert 'juju_application="w", a="b"} > 1' in found["Full", "w"]
        names = [group["name"] for group in rules["groups"]]
        assert len(set(names)) == len(names)


class TestLogging:
    def test_loki_gets_rules_of_all_applications(self, cluster: Cluster, source: Path):
        relation = loki()
        rule(source / "loki_alert_rules/panic.rule", "Panic", 'rate({%%juju_topology%%} |= "panic" [5m]) > 0')
        databag = published(cluster.run(relation, workers("w")), relation)
        assert [(alert, app) for alert, app, _ in alerts(databag["alert_rules"])] == [
            ("Panic", "field"),
            ("Panic", "w"),
            ("WorkerTelemetryProxyFailing", "field"),
        ]
        assert databag["metadata"]["application"] == "field"

    def test_coordinators_own_containers_log_to_loki_itself(self, cluster: Cluster):
        state = cluster.run(loki(), workers(), store())
        for one in state.containers:
            (target,) = one.plan.log_targets.values()
            assert target.location == "http://loki-0.loki-endpoints.cos:3100/loki/api/v1/push"
            assert target.labels["juju_unit"] == "field/0"

    def test_workers_log_through_proxy(self, cluster: Cluster):
        relation = workers()
        databag = published(cluster.run(loki(2), relation, store()), relation)
        assert databag["loki_endpoints"] == {
            "loki/0": f"{PROXY}/loki/loki-0/push",
            "loki/1": f"{PROXY}/loki/loki-1/push",
        }

    def test_without_proxy_workers_log_to_loki_itself(self, cluster: Cluster):
        cluster.charm = DirectCoordinator
        relation = workers()
        databag = published(cluster.run(loki(), relation, store()), relation)
        assert databag["loki_endpoints"] == {
            "loki/0": "http://loki-0.loki-endpoints.cos:3100/loki/api/v1/push"
        }

    def test_invalid_loki_affects_no_other(self, cluster: Cluster):
        garbled = testing.Relation(
            "logging",
            remote_app_name="odd",
            remote_units_data={0: {"endpoint": '{"url": "http://odd/push; root /;"}'}},
        )
        relation = workers()
        databag = published(cluster.run(loki(), garbled, relation, store()), relation)
        assert list(databag["loki_endpoints"]) == ["loki/0"]


class TestTracing:
    def test_each_tracing_relation_requests_its_protocols(self, cluster: Cluster):
        charm, workload = tracing("self-charm-tracing"), tracing("self-workload-tracing")
        state = cluster.run(charm, workload)
        assert published(state, charm) == {"receivers": ["otlp_http"]}
        assert published(state, workload) == {"receivers": ["otlp_grpc", "otlp_http"]}

    def test_workers_send_traces_through_proxy(self, cluster: Cluster):
        relation = workers()
        both = tracing("self-charm-tracing"), tracing("self-workload-tracing")
        databag = published(cluster.run(*both, relation, store()), relation)
        assert databag["charm_tracing_receivers"]["otlp_http"] == f"{PROXY}/charm-tracing/otlp_http/"
        assert databag["workload_tracing_receivers"]["otlp_http"] == f"{PROXY}/workload-tracing/otlp_http/"
        assert f"{SERVICE}:3300" in databag["workload_tracing_receivers"]["otlp_grpc"]

    def test_traces_go_directly_without_proxy(self, cluster: Cluster):
        cluster.charm = DirectCoordinator
        relation = workers()
        databag = published(cluster.run(tracing("self-workload-tracing"), relation, store()), relation)
        assert databag["workload_tracing_receivers"] == {
            "otlp_grpc": "tempo.cos:4317",
            "otlp_http": "http://tempo.cos:4318",
        }

    @pytest.fixture
    def destinations(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str | None, str | None]]:
        seen: list[tuple[str | None, str | None]] = []
        monkeypatch.setattr(ops.tracing, "set_destination", lambda url, ca: seen.append((url, ca)))
        return seen

    def test_charms_own_traces_go_to_backend_itself(self, cluster: Cluster, destinations: list):
        cluster.run(tracing("self-charm-tracing"))
        assert destinations == [("http://tempo.cos:4318/v1/traces", None)]

    def test_charm_tracing_ends_with_its_backend(self, cluster: Cluster, destinations: list):
        cluster.run()
        assert destinations == [(None, None)]

    def test_charm_asks_whether_traces_can_be_sent(self, cluster: Cluster):
        context = cluster.context
        with context(context.on.update_status(), cluster.state(tracing("self-charm-tracing"))) as manager:
            coordinator = manager.charm.coordinator  # pyright: ignore[reportAttributeAccessIssue]
            assert coordinator.charm_tracing.is_ready()
            assert coordinator.charm_tracing.get_endpoint("otlp_http") == "http://tempo.cos:4318"
            assert coordinator.charm_tracing.get_endpoint("zipkin") is None
            assert not coordinator.workload_tracing.is_ready()


class TestRemoteWrite:
    def test_workers_push_metrics_through_proxy(self, cluster: Cluster):
        relation = workers()
        (endpoint,) = published(cluster.run(relation, store()), relation)["remote_write_endpoints"]
        assert endpoint == {"url": f"{PROXY}/remote-write/prometheus-0/write"}

    def test_metrics_go_directly_without_proxy(self, cluster: Cluster):
        cluster.charm = DirectCoordinator
        relation = workers()
        databag = published(cluster.run(relation, store()), relation)
        assert databag["remote_write_endpoints"] == [{"url": REMOTE_WRITE}]


class TestDashboards:
    def test_charms_dashboards_go_to_grafana(self, cluster: Cluster, source: Path):
        (source / "grafana_dashboards").mkdir()
        (source / "grafana_dashboards/field.json").write_text('{"title": "Field"}')
        relation = testing.Relation("grafana-dashboard")
        templates = published(cluster.run(relation), relation)["dashboards"]["templates"]
        assert LZMABase64.decompress(templates["file:field"]["content"]) == '{"title": "Field"}'

    def test_librarys_dashboards_go_to_grafana(self, cluster: Cluster, source: Path):
        relation = testing.Relation("grafana-dashboard")
        templates = published(cluster.run(relation), relation)["dashboards"]["templates"].values()
        titles = {json.loads(LZMABase64.decompress(template["content"]))["title"] for template in templates}
        assert titles == {"Coordinator's nginx", "Workers"}


class TestCatalogue:
    def test_application_is_listed(self, cluster: Cluster):
        relation = testing.Relation("catalogue")
        databag = local(cluster.run(relation), relation).local_app_data
        assert databag["name"] == "Field"
        assert databag["url"] == "http://field.example"

    def test_only_the_leader_lists_it(self, cluster: Cluster):
        relation = testing.Relation("catalogue")
        assert local(cluster.run(relation, leader=False), relation).local_app_data == {}


class TestObjectStore:
    def test_a_bucket_is_requested(self, cluster: Cluster):
        relation = store()
        databag = local(cluster.run(relation), relation).local_app_data
        assert databag == {"bucket": f"relation-{relation.id}"}

    @pytest.mark.parametrize(
        ("databag", "endpoint", "insecure"),
        [
            ({}, "minio:9000", True),
            ({"endpoint": "minio:9000"}, "minio:9000", True),
            ({"endpoint": "https://s3.example"}, "s3.example", False),
            ({"endpoint": "https://s3.example/"}, "s3.example", False),
            ({"endpoint": "http://[fd00::1]"}, "[fd00::1]", True),
            ({"tls_ca_chain": json.dumps([CERTIFICATE])}, "minio:9000", False),
        ],
    )
    def test_workers_are_configured_for_bucket(self, cluster: Cluster, databag, endpoint, insecure):
        relation = workers()
        config = yaml.safe_load(published(cluster.run(relation, store(**databag)), relation)["worker_config"])
        assert config["storage"] == {
            "endpoint": endpoint,
            "region": None,
            "access_key_id": "key",
            "secret_access_key": "hush",
            "bucket_name": "field",
            "insecure": insecure,
            "tls_ca_path": "/etc/worker/s3_ca.crt" if "tls_ca_chain" in databag else None,
        }

    def test_workers_get_chain_that_vouches_for_store(self, cluster: Cluster):
        relation = workers()
        chain = [CERTIFICATE, CERTIFICATE]
        databag = published(cluster.run(relation, store(tls_ca_chain=json.dumps(chain))), relation)
        assert databag["s3_tls_ca_chain"] == "\n\n".join(chain)

    def test_keys_may_be_in_a_secret(self, cluster: Cluster):
        secret = testing.Secret({"access-key": "key", "secret-key": "from secret"}, owner=None)
        in_secret = testing.Relation(
            "s3",
            remote_app_name="minio",
            remote_app_data={"endpoint": "http://m", "bucket": "b", "secret-extra": secret.id},
        )
        relation = workers()
        state = cluster.run(relation, in_secret, secrets=[secret])
        config = yaml.safe_load(published(state, relation)["worker_config"])
        assert config["storage"]["secret_access_key"] == "from secret"


class TestDatasources:
    def test_datasources_are_exchanged(self, cluster: Cluster):
        tempo = {"type": "tempo", "uid": "t", "grafana_uid": "g"}
        sent = testing.Relation("send-datasource", remote_app_name="out")
        received = testing.Relation(
            "receive-datasource", remote_app_name="in", remote_app_data={"datasources": json.dumps([tempo])}
        )
        context = cluster.context
        with context(context.on.update_status(), cluster.state(sent, received)) as manager:
            exchange = manager.charm.coordinator.datasource_exchange  # pyright: ignore[reportAttributeAccessIssue]
            assert [one.uid for one in exchange.received_datasources] == ["t"]
            exchange.publish([{"type": "loki", "uid": "l", "grafana_uid": "g"}])
            state = manager.run()
        assert published(state, sent) == {"datasources": [{"type": "loki", "uid": "l", "grafana_uid": "g"}]}


class TestPeers:
    def test_each_unit_publishes_its_address(self, cluster: Cluster):
        relation = testing.PeerRelation("peers")
        state = cluster.run(relation, leader=False)
        assert state.get_relation(relation.id).local_unit_data["hostname"] == HOST


class TestNginx:
    def test_nginx_serves_what_charm_and_proxy_want(self, cluster: Cluster):
        state = cluster.run(workers(units=2), store(), loki())
        text = (cluster.files / "nginx/nginx/nginx.conf").read_text()
        for part in (address("worker", 1), "/proxy/worker/worker-1/metrics", "/proxy/loki/loki-0/push"):
            assert part in text
        for name in CONTAINERS:
            assert state.get_container(name).services[name].current.value == "active"

    def test_containers_that_are_not_up_are_left_for_later(self, cluster: Cluster):
        down = [container(name, can_connect=False) for name in CONTAINERS]
        state = cluster.run(workers(), store(), containers=down)
        assert not any(state.get_container(name).services for name in CONTAINERS)
