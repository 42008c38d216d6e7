"""No failure ends a hook: a status has its cause and remedy, and the next hook continues."""

import time
from pathlib import Path

import ops
import pytest

from k8s_charm import Json
from sandbox.kubernetes import KubernetesServer
from tests.scenario.beacon.beacon_model import BeaconModel, databag, policy
from tests.support.faulty_server import FaultyServer

pytestmark = pytest.mark.kubernetes

ALLOWED = ("shop/web", "shop/catalogue")


def test_missing_trust_names_the_command(kubernetes: KubernetesServer):
    beacon = BeaconModel(kubernetes)
    kubernetes.access.deny()
    status = beacon.hook()
    assert status.name == "blocked"
    assert "juju trust beacon --scope=cluster" in status.message


def test_lost_trust_changes_nothing(beacon: BeaconModel):
    beacon.juju_deploys("catalogue")
    before = beacon.left_behind()
    beacon.kubernetes.access.deny()
    relation = beacon.relate("service-mesh", "catalogue", databag(policy("web", "catalogue")))
    assert "juju trust" in beacon.hook().message
    beacon.kubernetes.access.restore()
    assert beacon.left_behind() == before
    beacon.follow_labels(relation)
    assert beacon.hook().message == "1 policy for 1 consumer"
    assert beacon.allowed() == {ALLOWED}


@pytest.mark.parametrize("verb", ["list", "patch", "get"])
def test_single_missing_permission_is_reported(beacon: BeaconModel, verb: str):
    beacon.juju_deploys("catalogue")
    beacon.kubernetes.access.deny(verbs=[verb])
    beacon.relate("service-mesh", "catalogue", databag(policy("web", "catalogue")))
    beacon.configure(model_on_mesh=True)
    status = beacon.hook()
    beacon.kubernetes.access.restore()
    assert status.name == "blocked"
    assert "juju trust beacon --scope=cluster" in status.message
    beacon.hooks_until_active()
    assert ALLOWED in beacon.allowed()


@pytest.mark.parametrize(
    ("group", "kind"),
    [("gateway.networking.k8s.io", "Gateway"), ("security.istio.io", "AuthorizationPolicy")],
)
def test_missing_crd_names_the_charm_to_deploy(beacon: BeaconModel, group: str, kind: str):
    beacon.consumer("catalogue", policy("web", "catalogue"))
    beacon.kubernetes.store.uninstall_custom_resources(group)
    status = beacon.hook()
    assert status.name == "blocked"
    assert status.message == f"{kind} CRD not installed: deploy istio-k8s"


def test_istio_that_comes_back_heals(beacon: BeaconModel):
    beacon.consumer("catalogue", policy("web", "catalogue"))
    beacon.kubernetes.store.uninstall_custom_resources()
    beacon.hook()
    beacon.kubernetes.store.install_custom_resources()
    healed = beacon.hook()
    assert beacon.allowed() == {ALLOWED}
    assert len(beacon.gateways()) == 1
    assert healed == ops.WaitingStatus(
        "waypoint shop-beacon-waypoint is not ready: Waiting for controller"
    ), "which Istio makes ready only now"
    assert beacon.hook().name == "active"


def test_waypoint_is_written_without_the_policy_crd(kubernetes: KubernetesServer):
    kubernetes.store.uninstall_custom_resources("security.istio.io")
    beacon = BeaconModel(kubernetes)
    beacon.consumer("catalogue", policy("web", "catalogue"))
    assert len(beacon.gateways()) == 1
    assert beacon.pod_labels() != {}


def test_rejected_policy_does_not_stop_the_others(beacon: BeaconModel):
    beacon.configure(restrict_consumers=False)
    beacon.consumer("catalogue", policy("web", "x", target_namespace="nowhere"), policy("web", "catalogue"))
    status = beacon.hook()
    assert status.name == "blocked"
    missing = "model or namespace nowhere does not exist"
    assert any(missing in line.message for line in beacon.context.juju_log)
    assert beacon.allowed() == {ALLOWED}


TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "theirs"}
LISTENER = {"name": "mesh", "port": 1, "protocol": "TCP"}
THEIRS = {
    "Gateway": ("shop-beacon-waypoint", {"spec": {"gatewayClassName": "theirs", "listeners": [LISTENER]}}),
    "HorizontalPodAutoscaler": (
        "shop-beacon-waypoint",
        {"spec": {"scaleTargetRef": TARGET, "minReplicas": 3, "maxReplicas": 7}},
    ),
    "AuthorizationPolicy": (
        "shop.beacon.catalogue.app.from.shop.web",
        {"spec": {"action": "DENY", "rules": [{}]}},
    ),
    "ConfigMap": ("juju-service-mesh-beacon-labels", {"data": {"theirs": "yes"}}),
}


@pytest.mark.parametrize("kind", THEIRS)
def test_object_of_another_owner_stays(kubernetes: KubernetesServer, kind: str):
    name, content = THEIRS[kind]
    beacon = BeaconModel(kubernetes)
    kubernetes.store.create(
        kubernetes.store.kind(kind), {"metadata": {"name": name}, **content}, namespace="shop"
    )

    def theirs() -> Json:
        (found,) = [
            each for each in kubernetes.store.objects(kind, "shop") if each["metadata"]["name"] == name
        ]
        return {"labels": found["metadata"].get("labels"), **{key: found[key] for key in content}}

    before = theirs()
    beacon.consumer("catalogue", policy("web", "catalogue"))
    for hook in ("update_status", "update_status", "stop"):
        status = beacon.hook(hook)
        assert status.name == "blocked"
        assert "already " in status.message
    assert any(name in line.message for line in beacon.context.juju_log)
    beacon.remove()
    assert theirs() == before


@pytest.mark.usefixtures("no_api")
def test_silent_kubernetes_costs_little_time(beacon: BeaconModel):
    started = time.monotonic()
    status = beacon.hook()
    assert time.monotonic() - started < 20
    assert status.name == "waiting"
    assert "no answer from Kubernetes" in status.message


def test_several_failures_show_first_and_count(beacon: BeaconModel):
    beacon.configure(restrict_consumers=False)
    requested = [policy("web", "x", target_namespace=f"nowhere-{number}") for number in range(4)]
    beacon.consumer("catalogue", *requested)
    assert beacon.hook().message.endswith("(and 3 more: juju run beacon/0 plan)")


def test_invalid_option_is_named_and_changes_nothing(beacon: BeaconModel, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SCENARIO_SKIP_CONSISTENCY_CHECKS", "1")
    beacon.consumer("catalogue", policy("web", "catalogue"))
    before = beacon.left_behind()
    status = beacon.configure(restrict_consumers="perhaps")
    assert status.name == "blocked"
    assert status.message.startswith("config restrict-consumers, using True: ")
    assert beacon.left_behind() == before


def test_what_blocks_is_shown_before_what_is_waited_for(beacon: BeaconModel):
    beacon.set_gateway_status({"status": {"conditions": []}})
    beacon.consumer("catalogue", policy("web", "orders"))
    assert beacon.hook().name == "blocked"
    assert beacon.state.app_status.name == "blocked"


@pytest.mark.parametrize("fault", ["not json", "no type", "nonsense", 503, "hang up"])
@pytest.mark.parametrize("place", ["/namespaces/shop", "/configmaps/juju-service-mesh-beacon-labels"])
def test_any_answer_to_a_request_is_handled(
    beacon: BeaconModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: int | str, place: str
):
    with FaultyServer(beacon.kubernetes.url) as faulty:
        faulty.plan = lambda _, path: fault if path.endswith(place) else None
        monkeypatch.setenv("KUBECONFIG", str(faulty.write_kubeconfig(tmp_path / "faulty")))
        assert beacon.hook().name == "waiting"


def test_labels_that_are_not_answered_in_time_keep_no_hook(
    beacon: BeaconModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with FaultyServer(beacon.kubernetes.url) as faulty:
        faulty.plan = lambda _, path: "hang" if "/configmaps/" in path else None
        monkeypatch.setenv("KUBECONFIG", str(faulty.write_kubeconfig(tmp_path / "faulty")))
        started = time.monotonic()
        assert beacon.hook().name == "waiting"
        assert time.monotonic() - started < 20


def test_slow_kubernetes_delays_to_the_next_hook(beacon: BeaconModel, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setattr("k8s_charm._deadline._SECONDS", 0.5)
        beacon.kubernetes.latency = 0.2
        try:
            status = beacon.configure(model_on_mesh=True)
        finally:
            beacon.kubernetes.latency = 0
    assert status.name == "waiting"
    assert beacon.namespace_labels() == {}
    assert beacon.hook().name == "active"
    assert beacon.namespace_labels() != {}
