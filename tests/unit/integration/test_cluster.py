from collections.abc import Iterator
from pathlib import Path

import pytest
from lightkube import Client, KubeConfig

from charmlibs.interfaces.service_mesh import MeshPolicy
from istio_policies import DesiredPolicies, PolicyRequestFrom, authorization_policies
from k8s_charm import Owner, manifest
from sandbox.kubernetes import KubernetesServer
from tests.support.deployed.cluster import Cluster

MODEL = "shop"


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    with KubernetesServer() as server:
        server.store.create("Namespace", {"metadata": {"name": MODEL}})
        yield server


@pytest.fixture
def cluster(server: KubernetesServer, tmp_path: Path) -> Cluster:
    config = KubeConfig.from_file(str(server.write_kubeconfig(tmp_path / "kubeconfig")))
    return Cluster(Client(config, trust_env=False), MODEL)


def allow(server: KubernetesServer, **fields: object) -> None:
    sent = {"source_app_name": "web", "source_namespace": MODEL, "target_namespace": MODEL, **fields}
    requested = PolicyRequestFrom(MeshPolicy.model_validate(sent), ["db"])
    for policy in authorization_policies(DesiredPolicies([requested]), owner=Owner("beacon", MODEL)):
        server.store.create("AuthorizationPolicy", dict(manifest(policy)), namespace=MODEL)


def test_application_is_allowed_by_policy_on_service(server, cluster):
    allow(server, target_app_name="db")
    assert cluster.allows("web", "db")
    assert not cluster.allows("db", "web")
    assert not cluster.allows("web", "cache")
    assert not cluster.allows("web", "db", source_model="other")


def test_application_is_allowed_by_policy_on_pods(server, cluster):
    allow(server, target_app_name="db", target_type="unit", source_namespace="other")
    assert cluster.allows("web", "db", source_model="other")
    assert not cluster.allows("web", "db")


def test_policy_without_rules_allows_nothing(server, cluster):
    policy = {"metadata": {"name": "allow-nothing"}, "spec": {}}
    server.store.create("AuthorizationPolicy", policy, namespace=MODEL)
    assert not cluster.allows("web", "db")
    assert len(cluster.policies()) == 1


def test_labels_of_application_s_pods_are_seen(server, cluster):
    for app in ("db", "web"):
        labels = {"app.kubernetes.io/name": app, "istio.io/dataplane-mode": "ambient"}
        spec = {"containers": [{"name": "charm", "image": "charm"}]}
        pod = {"metadata": {"name": f"{app}-0", "labels": labels}, "spec": spec}
        server.store.create("Pod", pod, namespace=MODEL)
    (labels,) = cluster.pod_labels("db")
    assert labels["istio.io/dataplane-mode"] == "ambient"


def test_waypoint_has_its_autoscalers_replicas(server, cluster):
    assert cluster.waypoint_replicas("shop-beacon-waypoint") is None
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop-beacon-waypoint"}
    spec = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 2}
    autoscaler = {"metadata": {"name": "shop-beacon-waypoint"}, "spec": spec}
    server.store.create("HorizontalPodAutoscaler", autoscaler, namespace=MODEL)
    assert cluster.waypoint_replicas("shop-beacon-waypoint") == 2
