"""A beacon in the model of Istio's control plane, where a policy on pods holds in all models."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import ops
import pytest
from lightkube.models.admissionregistration_v1 import (
    ServiceReference,
    ValidatingWebhook,
    WebhookClientConfig,
)
from lightkube.models.core_v1 import ServicePort, ServiceSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.admissionregistration_v1 import ValidatingWebhookConfiguration
from lightkube.resources.core_v1 import ConfigMap, Namespace, Service

from istio_policies import AuthorizationPolicy
from k8s_charm import manifest
from sandbox.kubernetes import KubernetesServer
from tests.scenario.beacon.beacon_model import BeaconModel, policy
from tests.support.faulty_server import FaultyServer

pytestmark = pytest.mark.kubernetes
MODEL = "control"
HERE = {"target_namespace": MODEL}
REQUESTS = (policy("web", "kiali", target_type="unit", **HERE), policy("web", "kiali", **HERE))


def install_istio(beacon: BeaconModel, mesh: str = "", *, namespace: str = "istio-system") -> None:
    """Install the control plane of a mesh with this configuration."""
    if not beacon.kubernetes.store.find("Namespace", "", namespace):
        beacon.client.create(Namespace(metadata=ObjectMeta(name=namespace)))
    istiod = ObjectMeta(name="istiod", namespace=namespace, labels={"app": "istiod"})
    beacon.client.create(Service(metadata=istiod, spec=ServiceSpec(ports=[ServicePort(port=15012)])))
    own = ObjectMeta(name="istio", namespace=namespace)
    beacon.client.create(ConfigMap(metadata=own, data={"mesh": mesh}))


@contextlib.contextmanager
def registered(beacon: BeaconModel, namespace: str = "istio-system") -> Iterator[None]:
    """Have the API server ask a namespace's control plane about new objects, as Istio's chart does."""
    webhook = ValidatingWebhook(
        name="rev.validation.istio.io",
        clientConfig=WebhookClientConfig(service=ServiceReference(name="istiod", namespace=namespace)),
        admissionReviewVersions=["v1"],
        sideEffects="None",
    )
    own = ObjectMeta(name=f"istio-validator-{namespace}")
    beacon.client.create(ValidatingWebhookConfiguration(metadata=own, webhooks=[webhook]))
    try:
        yield
    finally:
        beacon.client.delete(ValidatingWebhookConfiguration, own.name or "")


def targets(beacon: BeaconModel) -> list[str]:
    """Return the kinds of targets of all policies in Kubernetes, also those of the beacon itself."""
    specs = (manifest(each)["spec"] for each in beacon.client.list(AuthorizationPolicy, namespace="*"))
    return ["Service" if "targetRefs" in spec else "pods" for spec in specs]


def test_consumer_gets_no_policy_on_pods(kubernetes: KubernetesServer):
    beacon = BeaconModel(kubernetes, model="istio-system")
    here = {"target_namespace": "istio-system"}
    for hook in ("config_changed", "update_status"):
        beacon.hook(hook)
    beacon.consumer(
        "kiali", policy("web", "kiali", target_type="unit", **here), policy("web", "kiali", **here)
    )
    beacon.configure(close_unprotected=True)
    assert beacon.hook().name == "blocked"
    assert "a policy on pods holds in all models" in beacon.plan_action()["problems"]
    assert all("targetRefs" in spec for spec in beacon.policies().values())
    assert len(beacon.policies()) == 1


class TestOtherName:
    """A root namespace that is called otherwise."""

    @pytest.fixture(params=["istiod runs there", "configured", "of a second mesh"])
    def beacon(self, request: pytest.FixtureRequest, kubernetes: KubernetesServer) -> BeaconModel:
        beacon = BeaconModel(kubernetes, model=MODEL)
        if request.param == "istiod runs there":
            install_istio(beacon, namespace=MODEL)
        elif request.param == "configured":
            install_istio(beacon, f"rootNamespace: {MODEL}")
        else:
            install_istio(beacon, namespace="another-mesh")
            install_istio(beacon, namespace=MODEL)
        return beacon

    def test_no_hook_writes_policies_on_pods(self, beacon: BeaconModel):
        beacon.consumer_that_was_there_before("kiali", *REQUESTS)
        for hook in ("install", "config_changed", "update_status", "config_changed"):
            beacon.hook(hook)
            assert targets(beacon) == ["Service"]

    def test_new_leader_writes_no_policies_on_pods(self, beacon: BeaconModel):
        beacon.consumer_that_was_there_before("kiali", *REQUESTS)
        beacon.lead(False)
        beacon.hook("update_status")
        beacon.lead(True)
        beacon.hook("leader_elected")
        assert targets(beacon) == ["Service"]

    def test_plan_shows_no_policies_on_pods(self, beacon: BeaconModel):
        beacon.consumer_that_was_there_before("kiali", *REQUESTS)
        assert "a policy on pods holds in all models" in beacon.plan_action()["problems"]

    def test_is_read_once_in_the_first_hook(self, beacon: BeaconModel):
        beacon.consumer_that_was_there_before("kiali", *REQUESTS)
        beacon.kubernetes.requests.clear()
        beacon.hook("config_changed")
        lists_of_istiod = [each for each in beacon.kubernetes.requests if each.path.endswith("/v1/services")]
        assert len(lists_of_istiod) == 1

    def test_is_published_for_those_who_write_policies(self, beacon: BeaconModel):
        relation = beacon.consumer("kiali", *REQUESTS)
        assert MODEL in json.loads(beacon.relation(relation).local_app_data["root_namespaces"])


class TestFeigned:
    """A Service of a namespace that looks like a control plane, as anybody there can create it."""

    @pytest.fixture
    def beacon(self, kubernetes: KubernetesServer) -> BeaconModel:
        beacon = BeaconModel(kubernetes, model=MODEL)
        install_istio(beacon, "rootNamespace: istio-system")
        beacon.consumer_that_was_there_before("kiali", *REQUESTS)
        beacon.hook("config_changed")
        assert "pods" in targets(beacon)
        install_istio(beacon, f"rootNamespace: {MODEL}\ntrustDomain: other", namespace="another")
        return beacon

    def seen_by(self, beacon: BeaconModel) -> ops.StatusBase:
        """The status once the beacon has read where policies hold in all models, and acted on it."""
        beacon.hook("update_status")
        return beacon.hook("config_changed")

    def test_takes_no_policy_away(self, beacon: BeaconModel):
        before = targets(beacon)
        with registered(beacon):
            status = self.seen_by(beacon)
        assert targets(beacon) == before
        assert status.name == "active"

    def test_counts_if_none_is_registered(self, beacon: BeaconModel):
        self.seen_by(beacon)
        assert targets(beacon) == ["Service"]

    def test_counts_without_permission(self, beacon: BeaconModel):
        beacon.kubernetes.access.deny(resources=["validatingwebhookconfigurations"], verbs=["list"])
        with registered(beacon):
            self.seen_by(beacon)
        assert targets(beacon) == ["Service"]

    def test_is_a_mesh_of_its_own_once_registered(self, beacon: BeaconModel):
        with registered(beacon), registered(beacon, "another"):
            self.seen_by(beacon)
        assert targets(beacon) == ["Service"]


def test_of_usual_name_is_not_published(kubernetes: KubernetesServer):
    beacon = BeaconModel(kubernetes)
    install_istio(beacon, "rootNamespace: istio-system")
    relation = beacon.consumer("catalogue", policy("web", "catalogue"))
    assert "root_namespaces" not in beacon.relation(relation).local_app_data


@pytest.mark.parametrize("path", ["/services", "/configmaps/istio", "/validatingwebhookconfigurations"])
@pytest.mark.parametrize("fault", [500, "hang up", "not json", "no type"])
def test_nothing_is_written_while_it_is_unknown(
    kubernetes: KubernetesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, fault: int | str
):
    beacon = BeaconModel(kubernetes, model=MODEL)
    install_istio(beacon, f"rootNamespace: {MODEL}")
    install_istio(beacon, namespace="another-mesh")
    beacon.consumer_that_was_there_before("kiali", *REQUESTS)
    with FaultyServer(kubernetes.url) as faulty, monkeypatch.context() as patch:
        patch.setenv("KUBECONFIG", str(faulty.write_kubeconfig(tmp_path / "faulty")))
        faulty.plan = lambda _, request_path: fault if path in request_path else None
        for hook in ("config_changed", "update_status"):
            assert beacon.hook(hook).name in ("waiting", "blocked")
            assert targets(beacon) == []
    beacon.hook()
    assert targets(beacon) == ["Service"]


def test_usual_one_is_assumed_without_permission(kubernetes: KubernetesServer):
    beacon = BeaconModel(kubernetes, model=MODEL)
    install_istio(beacon)
    beacon.consumer_that_was_there_before("kiali", *REQUESTS)
    kubernetes.access.deny(resources=["services"], verbs=["list"])
    beacon.hook()
    assert "pods" in targets(beacon)
