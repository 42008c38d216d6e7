import pytest

from sandbox.kubernetes import KubernetesServer
from tests.scenario.beacon.beacon_model import BeaconModel, databag, policy

pytestmark = pytest.mark.kubernetes


@pytest.fixture
def follower(kubernetes: KubernetesServer) -> BeaconModel:
    return BeaconModel(kubernetes, leader=False)


def test_follower_sends_no_request_to_kubernetes(follower: BeaconModel):
    follower.kubernetes.requests.clear()
    relation = follower.relate("service-mesh", "catalogue", databag(policy("web", "catalogue")))
    follower.configure(model_on_mesh=True)
    follower.configure(manage_authorization_policies=False)
    assert follower.kubernetes.requests == []
    assert follower.relation(relation).local_app_data == {}


def test_follower_is_on_standby(follower: BeaconModel):
    status = follower.hook()
    assert status.name == "active"
    assert status.message == "standby: the leader writes the policies"


def test_unit_that_becomes_leader_does_what_was_left_undone(follower: BeaconModel):
    follower.consumer("catalogue", policy("web", "catalogue"))
    follower.lead(True)
    follower.hook("leader_elected")
    assert follower.allowed() == {("shop/web", "shop/catalogue")}


def test_new_leader_writes_nothing_after_a_finished_one(beacon: BeaconModel):
    beacon.consumer("catalogue", policy("web", "catalogue"))
    new = BeaconModel(beacon.kubernetes, unit=1)
    new.state = beacon.state
    new.kubernetes.requests.clear()
    new.hook("leader_elected")
    assert new.writes() == []


def test_leader_that_no_longer_is_writes_no_longer(beacon: BeaconModel):
    relation = beacon.consumer("catalogue", policy("web", "catalogue"))
    beacon.lead(False)
    beacon.publish(relation, databag(policy("ads", "catalogue")))
    assert beacon.allowed() == {("shop/web", "shop/catalogue")}
