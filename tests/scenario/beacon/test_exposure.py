"""The beacon's status names targets that are open because they have no policy."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, Pod

from istio_policies import AuthorizationPolicy
from k8s_charm import manifest
from sandbox.hardening import harden
from tests.scenario.beacon.beacon_model import MODEL, BeaconModel, databag, policy

pytestmark = pytest.mark.kubernetes

IN_MESH = {"istio.io/dataplane-mode": "ambient"}
GUIDE = Path(__file__).parents[3] / "docs/how-to/harden.md"
ROOT = "istio-system"


def joins(beacon: BeaconModel, app: str) -> None:
    """Label the pod that Kubernetes made for a consumer, as the consumer's charm does."""
    beacon.client.patch(Pod, f"{app}-0", {"metadata": {"labels": IN_MESH}}, namespace=MODEL)


def pod(beacon: BeaconModel, app: str, **labels: str) -> None:
    own = {"app.kubernetes.io/name": app, **IN_MESH, **labels}
    spec = PodSpec(containers=[Container(name="c", image="i")], serviceAccountName=app)
    beacon.client.create(Pod(metadata=ObjectMeta(name=f"{app}-0", namespace=MODEL, labels=own), spec=spec))


def message(beacon: BeaconModel) -> str:
    status = beacon.hook()
    assert status.name == "active"
    return status.message


def guide() -> list[Any]:
    """The policies that the guide has its readers apply."""
    text = GUIDE.read_text()
    (block,) = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [AuthorizationPolicy.from_dict(each) for each in yaml.safe_load_all(block)]


def test_services_and_pods_without_policy(beacon: BeaconModel):
    beacon.consumer("catalogue", policy("web", "catalogue"))
    joins(beacon, "catalogue")
    assert message(beacon) == "1 policy for 1 consumer, enforced"
    pod(beacon, "shop")
    assert message(beacon) == "1 policy for 1 consumer, enforced; open to all: pod shop-0"
    # As with a published library: its Service uses the waypoint, though its policy is on its pods.
    beacon.consumer("orders", policy("web", "orders", target_type="unit"))
    joins(beacon, "orders")
    assert message(beacon).endswith("; open to all: Service orders, pod shop-0")
    for app in ("ads", "till", "kiosk"):
        pod(beacon, app)
    assert "; open to all: Service orders, pod ads-0, pod " in message(beacon)


def test_hardened_mesh_takes_two_policies(beacon: BeaconModel):
    """The one for pods leaves Services open, since pods allow the waypoint."""
    beacon.client.create(Namespace(metadata=ObjectMeta(name="istio-system")))
    beacon.consumer("orders", policy("web", "orders", target_type="unit"))
    joins(beacon, "orders")
    pod(beacon, "shop")
    pods, waypoints = guide()
    beacon.client.create(pods)
    assert message(beacon).endswith("; open to all: Service orders")
    beacon.client.create(waypoints)
    assert "open to all" not in message(beacon)


def test_guide_hardens_as_sandbox_does(beacon: BeaconModel):
    """Other tests measure what that denies."""
    harden(beacon.client)
    for each in guide():
        live = beacon.client.get(AuthorizationPolicy, manifest(each)["metadata"]["name"], namespace=ROOT)
        assert (manifest(live).get("spec") or {}) == manifest(each)["spec"]


def test_model_operator_is_allowed_by_labels_that_it_has(beacon: BeaconModel):
    beacon.configure(model_on_mesh=True)
    pod(beacon, "shop")
    assert "no pod of Juju's model operator found" in message(beacon)
    labels = {"operator.juju.is/name": "modeloperator", "operator.juju.is/target": "model"}
    pod(beacon, "modeloperator", **labels)
    assert "model operator" not in message(beacon)
    assert "modeloperator-0" not in message(beacon)


def test_policy_that_selects_no_pod_is_not_called_enforced(beacon: BeaconModel):
    selector = {"app.kubernetes.io/name": "catalogue", "role": "store"}
    requested = policy(
        "web", "catalogue", target_type="unit", target_app_name=None, target_selector_labels=selector
    )
    beacon.consumer("catalogue", requested)
    assert "enforced" not in message(beacon)
    beacon.client.patch(Pod, "catalogue-0", {"metadata": {"labels": {"role": "store"}}}, namespace=MODEL)
    assert message(beacon).startswith("1 policy for 1 consumer, enforced")


def test_consumer_without_policies_is_closed_by_option(beacon: BeaconModel):
    orders = beacon.consumer("orders")
    beacon.consumer("catalogue", policy("web", "catalogue", target_type="unit"))
    for app in ("orders", "catalogue"):
        joins(beacon, app)
    before = beacon.policies()
    assert message(beacon).endswith("; open to all: Service catalogue, Service orders")
    assert beacon.configure(close_unprotected=True).name == "active"
    closed = {name: spec for name, spec in beacon.policies().items() if name not in before}
    assert set(closed) == {
        "shop/shop.beacon.orders.closed-pods",
        "shop/shop.beacon.orders.closed-service",
        "shop/shop.beacon.catalogue.closed-service",
    }
    assert not any(spec.get("rules") for spec in closed.values())
    assert "open to all" not in message(beacon)
    beacon.publish(orders, databag(policy("web", "orders")))
    assert not any("orders.closed" in name for name in beacon.policies())
    beacon.configure(close_unprotected=False)
    assert set(beacon.policies()) == {*before, "shop/shop.beacon.orders.app.from.shop.web"}


def test_plan_lists_all_that_would_be_open(beacon: BeaconModel):
    for app in ("ads", "kiosk", "orders", "shop", "till"):
        pod(beacon, app)
    relation = beacon.consumer("catalogue")
    joins(beacon, "catalogue")
    assert beacon.plan_action()["open-to-all"].splitlines() == [
        "Service catalogue",
        *(f"pod {app}-0" for app in ("ads", "kiosk", "orders", "shop", "till")),
    ]
    beacon.lead(False)
    beacon.publish(relation, databag(policy("web", "catalogue")))
    beacon.lead(True)
    listed = beacon.plan_action(format="json")["open-to-all"].values()
    assert "Service catalogue" not in listed
    harden(beacon.client)
    assert "open-to-all" not in beacon.plan_action()
    assert "Service catalogue" in beacon.plan_action(policy_mode="audit")["open-to-all"].splitlines()
