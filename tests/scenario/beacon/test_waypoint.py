import pytest

from istio_policies import GatewayClass
from k8s_charm import Json
from sandbox.kubernetes import KubernetesServer
from tests.scenario.beacon.beacon_model import BeaconModel, policy

pytestmark = pytest.mark.kubernetes


def conditions(status: str, message: str, generation: int = 1) -> Json:
    common = {"status": status, "reason": "Because", "message": message, "observedGeneration": generation}
    return {
        "status": {
            "conditions": [
                {"type": kind, "lastTransitionTime": "2026-01-01T00:00:00Z", **common}
                for kind in ("Accepted", "Programmed")
            ]
        }
    }


def test_gateway_asks_istio_for_waypoint(beacon: BeaconModel):
    (gateway,) = beacon.gateways()
    assert gateway["metadata"]["name"] == "shop-beacon-waypoint"
    assert gateway["metadata"]["labels"]["istio.io/waypoint-for"] == "service"
    assert gateway["spec"]["gatewayClassName"] == "istio-waypoint"
    assert gateway["spec"]["listeners"] == [
        {
            "name": "mesh",
            "port": 15008,
            "protocol": "HBONE",
            "allowedRoutes": {"namespaces": {"from": "All"}},
        }
    ]


def test_labels_of_all_revisions_find_gateway_and_autoscaler(beacon: BeaconModel):
    (gateway,), (autoscaler,) = beacon.gateways(), beacon.autoscalers()
    assert autoscaler.metadata and autoscaler.metadata.labels
    for labels in (gateway["metadata"]["labels"], autoscaler.metadata.labels):
        assert labels["app.kubernetes.io/instance"] == "beacon-shop"
        assert labels["kubernetes-resource-handler-scope"] == "istio-waypoint"


def test_waypoint_scales_with_units(beacon: BeaconModel):
    for units in (3, 1):
        beacon.scale(units)
        (autoscaler,) = beacon.autoscalers()
        assert autoscaler.spec
        assert (autoscaler.spec.minReplicas, autoscaler.spec.maxReplicas) == (units, units)
        assert autoscaler.spec.scaleTargetRef.kind == "Deployment"
        assert autoscaler.spec.scaleTargetRef.name == "shop-beacon-waypoint"


def test_unit_that_comes_or_goes_scales_waypoint(beacon: BeaconModel):
    beacon.plan(2)
    beacon.peer_hook("changed")
    assert [each.spec.minReplicas for each in beacon.autoscalers() if each.spec] == [2]
    beacon.plan(1)
    beacon.peer_hook("departed")
    assert [each.spec.minReplicas for each in beacon.autoscalers() if each.spec] == [1]


def test_long_names_are_cut_and_do_not_meet(kubernetes: KubernetesServer):
    names: set[str] = set()
    for app in ("b" * 40 + "-one", "b" * 40 + "-two"):
        beacon = BeaconModel(kubernetes, app=app, model="m" * 40)
        beacon.hook()
        names |= {gateway["metadata"]["name"] for gateway in beacon.gateways()}
        names |= {each.metadata.name for each in beacon.autoscalers() if each.metadata and each.metadata.name}
        assert beacon.hook().name == "active"
    assert len(names) == 2
    assert all(len(name) <= 63 for name in names)


def test_metrics_proxy_finds_pods_of_waypoint(beacon: BeaconModel):
    proxy = beacon.metrics_plan().services["metrics-proxy"]
    selector = "charms.canonical.com/shop.beacon.telemetry=aggregated"
    assert proxy.command == f"metrics-proxy --labels {selector}"
    (deployment,) = beacon.kubernetes.store.objects("Deployment", "shop")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert selector in [f"{key}={value}" for key, value in labels.items()]


def test_waypoint_that_istio_has_not_looked_at_is_waited_for(beacon: BeaconModel):
    beacon.set_gateway_status({"status": {"conditions": []}})
    status = beacon.hook()
    assert status.name == "waiting"
    assert status.message == (
        "waypoint shop-beacon-waypoint is not ready: not yet reconciled by Istio: is istio-k8s deployed?"
    )


def test_missing_class_is_named(beacon: BeaconModel):
    beacon.set_gateway_status({"status": {"conditions": []}})
    beacon.client.delete(GatewayClass, "istio-waypoint")
    assert beacon.hook().message == (
        "waypoint shop-beacon-waypoint is not ready: no GatewayClass istio-waypoint: deploy istio-k8s"
    )


@pytest.mark.parametrize("condition", ["False", "Unknown"])
def test_rejected_waypoint_waits_with_istios_reason(beacon: BeaconModel, condition: str):
    beacon.set_gateway_status(conditions(condition, "no such GatewayClass"))
    status = beacon.hook()
    assert status.name == "waiting"
    assert status.message == "waypoint shop-beacon-waypoint is not ready: no such GatewayClass"


def test_waypoint_slower_than_ready_timeout_blocks(beacon: BeaconModel):
    beacon.set_gateway_status({"status": {"conditions": []}})
    beacon.configure(ready_timeout=0)
    status = beacon.hook()
    assert status.name == "blocked"
    assert "is not ready" in status.message


@pytest.mark.parametrize("seconds", [10**14, 2**63 - 1])
def test_waypoint_may_take_any_time_to_become_ready(beacon: BeaconModel, seconds: int):
    beacon.set_gateway_status({"status": {"conditions": []}})
    assert beacon.configure(ready_timeout=seconds).name == "waiting"


def test_status_of_an_older_generation_is_ignored(beacon: BeaconModel):
    beacon.set_gateway_status(conditions("True", "", generation=0))
    assert beacon.hook().name == "waiting"


def test_waypoint_becomes_ready_by_itself(kubernetes: KubernetesServer):
    kubernetes.controllers.waypoints.stop()
    beacon = BeaconModel(kubernetes)
    beacon.hook()
    assert beacon.hook().name == "waiting"
    kubernetes.controllers.waypoints.start()
    assert beacon.hook().name == "active"


def test_policies_are_written_before_the_waypoint_is_ready(beacon: BeaconModel):
    beacon.set_gateway_status(conditions("False", "no"))
    beacon.consumer("catalogue", policy("web", "catalogue"))
    assert beacon.hook().name == "waiting"
    assert beacon.allowed() == {("shop/web", "shop/catalogue")}


def test_readiness_costs_no_further_request(beacon: BeaconModel):
    beacon.kubernetes.requests.clear()
    beacon.hook()
    assert beacon.lists_of("gateways") == 1
    assert not any(request.path.endswith("/shop-beacon-waypoint") for request in beacon.kubernetes.requests)


def test_waypoint_that_is_short_of_replicas_is_reported(beacon: BeaconModel):
    beacon.kubernetes.controllers.deployments.stop()
    try:
        beacon.scale(3)
        status = beacon.hook()
    finally:
        beacon.kubernetes.controllers.deployments.start()
    assert status.name == "waiting"
    assert status.message == (
        "waypoint has 1 of 3 replicas: kubectl describe deployment shop-beacon-waypoint -n shop"
    )
    assert beacon.hook().name == "active"
