"""A beacon installed from Charmhub finds its own objects after a refresh to this one."""

import hashlib
from pathlib import Path

import pytest
import yaml
from lightkube import Client
from lightkube.models.autoscaling_v2 import CrossVersionObjectReference, HorizontalPodAutoscalerSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import StatefulSet
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler
from lightkube.resources.core_v1 import ConfigMap, Namespace, Service

from istio_policies import AuthorizationPolicy, Gateway
from sandbox.kubernetes import KubernetesServer, ObjectChange
from tests.scenario.beacon.beacon_model import BeaconModel, policy
from tests.scenario.conftest import Observe

pytestmark = pytest.mark.kubernetes

CHARMCRAFT = Path(__file__).parents[3] / "charms/istio-beacon-k8s/charmcraft.yaml"

LABELS = {
    "istio.io/dataplane-mode": "ambient",
    "istio.io/use-waypoint": "shop-beacon-waypoint",
    "istio.io/use-waypoint-namespace": "shop",
}


def scope(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/instance": "beacon-shop", "kubernetes-resource-handler-scope": name}


class PublishedBeacon:
    """Writes what the published charm writes, with the client and the field manager that it uses."""

    def __init__(self) -> None:
        self.client = Client(namespace="shop", field_manager="beacon")

    def writes_a_waypoint(self) -> None:
        telemetry = {"charms.canonical.com/shop.beacon.telemetry": "aggregated"}
        labels = {"istio.io/waypoint-for": "service", **telemetry, **scope("istio-waypoint")}
        listener = {
            "name": "mesh",
            "port": 15008,
            "protocol": "HBONE",
            "allowedRoutes": {"namespaces": {"from": "All"}},
        }
        own = {"name": "shop-beacon-waypoint", "namespace": "shop", "labels": labels}
        spec = {"gatewayClassName": "istio-waypoint", "listeners": [listener]}
        self.client.apply(Gateway.from_dict({"metadata": own, "spec": spec}), force=True)
        target = CrossVersionObjectReference("Deployment", "shop-beacon-waypoint", apiVersion="apps/v1")
        self.client.apply(
            HorizontalPodAutoscaler(
                metadata=ObjectMeta(
                    name="shop-beacon-waypoint", namespace="shop", labels=scope("istio-waypoint")
                ),
                spec=HorizontalPodAutoscalerSpec(scaleTargetRef=target, minReplicas=1, maxReplicas=1),
            ),
            force=True,
        )

    def writes_a_policy(self, source: str, target: str) -> None:
        digest = hashlib.sha256(f"{source}{target}".encode()).hexdigest()[:8]
        own = {
            "name": f"beacon-shop-policy-{source}-shop-{target}-{digest}",
            "namespace": "shop",
            "labels": scope("istio-authorization-policy"),
        }
        principal = f"cluster.local/ns/shop/sa/{source}"
        rule = {
            "from": [{"source": {"principals": [principal]}}],
            "to": [{"operation": {"ports": ["80"]}}],
        }
        reference = {"kind": "Service", "group": "", "name": target}
        spec = {"targetRefs": [reference], "rules": [rule]}
        self.client.apply(AuthorizationPolicy.from_dict({"metadata": own, "spec": spec}), force=True)

    def joins_the_mesh(self) -> None:
        self.client.create(
            ConfigMap(
                metadata=ObjectMeta(name="juju-service-mesh-beacon-labels", namespace="shop"),
                data={"labels": str(LABELS).replace("'", '"')},
            )
        )
        self.client.patch(StatefulSet, "beacon", {"spec": {"template": {"metadata": {"labels": LABELS}}}})
        self.client.patch(Service, "beacon", {"metadata": {"labels": LABELS}})


@pytest.fixture
def refreshed(kubernetes: KubernetesServer) -> BeaconModel:
    """Ours, refreshed from a published one that allows web at catalogue."""
    beacon = BeaconModel(kubernetes)
    published = PublishedBeacon()
    published.writes_a_waypoint()
    published.writes_a_policy("web", "catalogue")
    published.joins_the_mesh()
    return beacon


WANTED = policy("web", "catalogue", endpoints=[{"ports": [80]}])


def test_peer_relation_and_option_are_those_of_published_beacon():
    declared = yaml.safe_load(CHARMCRAFT.read_text())
    assert declared["peers"]["peers"]["interface"] == "istio_beacon_k8s_peers"
    assert declared["config"]["options"]["ready-timeout"]["type"] == "int"


def test_waypoint_stays_and_is_one(refreshed: BeaconModel):
    (before,) = refreshed.gateways()
    refreshed.hook("upgrade_charm")
    (after,) = refreshed.gateways()
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert len(refreshed.autoscalers()) == 1


def test_allowed_request_is_never_denied(refreshed: BeaconModel, observe: Observe):
    closed: list[ObjectChange] = []

    def watch(change: ObjectChange) -> None:
        if not refreshed.kubernetes.store.objects("AuthorizationPolicy"):
            closed.append(change)

    observe(watch)
    refreshed.consumer_that_was_there_before("catalogue", WANTED)
    refreshed.hook("upgrade_charm")
    refreshed.hook()
    assert closed == []
    assert refreshed.allowed() == {("shop/web", "shop/catalogue")}
    assert len(refreshed.policies()) == 1


def test_unrequested_policies_are_removed(refreshed: BeaconModel):
    PublishedBeacon().writes_a_policy("ads", "catalogue")
    refreshed.consumer_that_was_there_before("catalogue", WANTED)
    refreshed.hook("upgrade_charm")
    assert refreshed.allowed() == {("shop/web", "shop/catalogue")}


def test_invalid_consumer_keeps_policies_of_published_beacon(refreshed: BeaconModel):
    refreshed.relation_that_was_there_before("catalogue", {"policies": "nonsense"})
    assert refreshed.hook("upgrade_charm").name == "blocked"
    assert refreshed.allowed() == {("shop/web", "shop/catalogue")}


def test_pods_are_not_restarted(refreshed: BeaconModel):
    before = refreshed.kubernetes.store.objects("StatefulSet", "shop")
    refreshed.hook("upgrade_charm")
    assert refreshed.kubernetes.store.objects("StatefulSet", "shop") == before
    assert refreshed.pod_labels() == LABELS


def test_second_hook_writes_nothing(refreshed: BeaconModel):
    refreshed.consumer_that_was_there_before("catalogue", WANTED)
    refreshed.hook("upgrade_charm")
    refreshed.kubernetes.requests.clear()
    refreshed.hook()
    assert refreshed.writes() == []


def test_removal_takes_also_what_published_beacon_wrote(refreshed: BeaconModel):
    refreshed.remove()
    assert refreshed.left_behind() == []


def test_namespace_labels_of_published_beacon_are_adopted(kubernetes: KubernetesServer):
    beacon = BeaconModel(kubernetes)
    labels = {
        "istio.io/dataplane-mode": "ambient",
        "istio.io/use-waypoint": "shop-beacon-waypoint",
        "charms.canonical.com/istio.io.waypoint.managed-by": "beacon-shop",
    }
    beacon.client.patch(Namespace, "shop", {"metadata": {"labels": labels}})
    beacon.configure(model_on_mesh=True)
    assert beacon.namespace_labels()["charms.canonical.com/istio.io.waypoint.managed-by"] == "shop.beacon"
    beacon.remove()
    assert beacon.left_behind() == []
