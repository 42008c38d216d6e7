"""Istio's reports on each policy."""

from collections.abc import Iterator

import pytest

from sandbox.kubernetes import KubernetesServer
from tests.scenario.beacon.beacon_model import BeaconModel, databag, policy

pytestmark = pytest.mark.kubernetes


@pytest.fixture
def silent_istio(kubernetes: KubernetesServer) -> Iterator[None]:
    """An istiod that reports no status of policies, as older ones."""
    kubernetes.controllers.policies.stop()
    yield
    kubernetes.controllers.policies.start()


def test_policy_that_was_just_written_is_no_problem(beacon: BeaconModel):
    beacon.juju_deploys("catalogue")
    beacon.relate("service-mesh", "catalogue")
    (relation,) = beacon.state.get_relations("service-mesh")
    beacon.publish(relation, databag(policy("web", "catalogue")))  # type: ignore[arg-type]
    assert beacon.state.unit_status.message == "1 policy for 1 consumer"


@pytest.mark.usefixtures("silent_istio")
def test_mesh_without_status_changes_no_status(beacon: BeaconModel):
    beacon.consumer("catalogue", policy("web", "catalogue"))
    assert {beacon.hook().message for _ in range(3)} == {"1 policy for 1 consumer"}


def test_missing_label_is_reported_with_remedy(beacon: BeaconModel):
    beacon.consumer("catalogue", policy("web", "catalogue"), policy("ads", "catalogue"))
    beacon.drop_labels("catalogue")
    status = beacon.hook()
    assert status.name == "waiting"
    command = "juju trust catalogue --scope=cluster"
    cause = "not enforced: 2 policies of catalogue: not bound to a waypoint"
    assert status.message == f"{cause}: {command}"
    assert beacon.plan_action()["problems"] == f"waiting: {cause}: if it persists: {command}"


def test_missing_service_is_reported(beacon: BeaconModel):
    beacon.configure(restrict_consumers=False)
    beacon.consumer("catalogue", policy("web", "catalogue", target_service="nothing"))
    assert beacon.hook().message == (
        "not enforced: a policy of catalogue: Service shop/nothing was not found: create it"
    )


def test_enforced_policies_are_counted(beacon: BeaconModel):
    beacon.consumer("catalogue", policy("web", "catalogue"))
    assert beacon.hook().message == "1 policy for 1 consumer, enforced"
    beacon.consumer("orders", policy("web", "orders"))
    assert beacon.hook().message == "2 policies for 2 consumers, all enforced"


def test_while_waypoint_is_not_ready_that_alone_is_reported(beacon: BeaconModel):
    beacon.consumer("catalogue", policy("web", "catalogue"))
    beacon.drop_labels("catalogue")
    beacon.set_gateway_status({"status": {"conditions": []}})
    assert "is not ready" in beacon.hook().message
    assert "more" not in beacon.hook().message


def test_no_policy_is_read_by_itself(beacon: BeaconModel):
    beacon.consumer("catalogue", policy("web", "catalogue"))
    beacon.hook()
    beacon.kubernetes.requests.clear()
    beacon.hook()
    # The beacon's, and the others of the model; those of the whole mesh only if something is open.
    assert beacon.lists_of("authorizationpolicies") == 2
    assert not any("shop.beacon.catalogue" in request.path for request in beacon.kubernetes.requests)
    assert len(beacon.kubernetes.requests) <= 16
