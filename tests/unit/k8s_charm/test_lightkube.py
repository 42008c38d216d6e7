"""Each use of Kubernetes, on the installed lightkube; `make test-lightkube` installs several."""

from pathlib import Path

import pytest
from lightkube import ApiError, Client
from lightkube.models.apps_v1 import StatefulSetSpec
from lightkube.models.core_v1 import Container, PodSpec, PodTemplateSpec, ServicePort, ServiceSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import StatefulSet
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler
from lightkube.resources.core_v1 import ConfigMap, Service

from istio_policies import AuthorizationPolicy
from k8s_charm import (
    Deadline,
    Failure,
    ObjectRef,
    kubernetes_client,
    kubernetes_code,
    kubernetes_errors,
    list_objects,
    manifest,
    reconcile_charm_labels,
)
from sandbox.kubernetes import KubernetesServer
from tests.support.faulty_server import FaultyServer
from tests.support.policies import LABELS, policy, requests_for
from tests.support.reconciling import reconcile, reconcile_policies


@pytest.fixture
def client(kubernetes: KubernetesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setenv("KUBECONFIG", str(kubernetes.write_kubeconfig(tmp_path / "config", namespace="m")))
    return kubernetes_client("m", "web", Deadline(60))


def config(**data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name="a", namespace="m"), data=data)


def autoscaler(replicas: int) -> HorizontalPodAutoscaler:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "waypoint"}
    return HorizontalPodAutoscaler.from_dict(  # type: ignore[return-value]
        {
            "metadata": {"name": "waypoint", "namespace": "m"},
            "spec": {"minReplicas": replicas, "maxReplicas": replicas, "scaleTargetRef": target},
        }
    )


def test_labels(client: Client):
    containers = [Container(name="web", image="web")]
    template = PodTemplateSpec(
        metadata=ObjectMeta(labels={"app": "web"}), spec=PodSpec(containers=containers)
    )
    selector = LabelSelector(matchLabels={"app": "web"})
    client.create(
        StatefulSet(
            metadata=ObjectMeta(name="web"),
            spec=StatefulSetSpec(selector=selector, serviceName="web", template=template),
        )
    )
    client.create(
        Service(
            metadata=ObjectMeta(name="web"),
            spec=ServiceSpec(selector={"app": "web"}, ports=[ServicePort(port=80)]),
        )
    )
    for labels in ({"mesh": "yes"}, {}):
        reconcile_charm_labels(client, "web", "m", "web-labels", labels)
        pods = manifest(client.get(StatefulSet, "web"))["spec"]["template"]["metadata"]["labels"]
        service = manifest(client.get(Service, "web"))["metadata"].get("labels") or {}
        assert (pods, service) == ({"app": "web", **labels}, labels)


def test_objects(client: Client):
    desired = [config(x="1"), autoscaler(2)]
    kinds = [ConfigMap, HorizontalPodAutoscaler]
    assert len(reconcile(client, desired, kinds).created) == 2
    assert reconcile(client, desired, kinds).unchanged == 2
    assert len(reconcile(client, [config(x="2"), autoscaler(3)], kinds).updated) == 2
    assert len(reconcile(client, [], kinds).deleted) == 2


def test_policies(client: Client):
    assert len(reconcile_policies(client, requests_for([policy(1), policy(2)])).created) == 2
    assert reconcile_policies(client, requests_for([policy(1), policy(2)])).unchanged == 2
    changed = reconcile_policies(client, requests_for([policy(1), policy(3)]))
    assert (len(changed.updated), changed.unchanged, changed.failed) == (1, 1, ())
    assert len(reconcile_policies(client, []).deleted) == 2


def test_foreign_object_of_our_name(client: Client):
    client.create(config(x="theirs"))
    (failure,) = reconcile(client, [config(x="ours")], [ConfigMap]).failed
    assert (failure.verb, failure.code) == ("create", 409)


def test_lists(client: Client, kubernetes: KubernetesServer):
    reconcile_policies(client, requests_for([policy(1), policy(2, target_namespace="n")]))
    for namespace, number in ((None, 2), ("m", 1)):
        found = list_objects(client, AuthorizationPolicy, namespace, LABELS)
        assert isinstance(found, list)
        assert len(found) == number
    kubernetes.store.uninstall_custom_resources()
    failure = list_objects(client, AuthorizationPolicy)
    assert isinstance(failure, Failure)
    assert (failure.code, failure.ref) == (404, ObjectRef("AuthorizationPolicy", None, ""))


def test_what_is_not_there(client: Client):
    for request in (client.get, client.delete):
        with pytest.raises(ApiError) as caught:
            request(ConfigMap, "none")
        assert kubernetes_code(caught.value) == 404


def test_time_and_lost_connections(
    kubernetes: KubernetesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with FaultyServer(kubernetes.url) as faulty:
        monkeypatch.setenv("KUBECONFIG", str(faulty.write_kubeconfig(tmp_path / "faulty")))
        faulty.plan = lambda *_: "hang up" if len(faulty.seen) == 1 else None
        assert list(kubernetes_client("m", "web", Deadline(60)).list(ConfigMap)) == []
        assert faulty.seen == ["GET"] * 2
        with pytest.raises(kubernetes_errors()):
            kubernetes_client("m", "web", Deadline(0)).get(ConfigMap, "a")
        assert faulty.seen == ["GET"] * 2
