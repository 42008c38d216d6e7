"""A beacon in the model of Istio's control plane, where a policy on pods holds in all models."""

import pytest

from sandbox.kubernetes import KubernetesServer
from tests.scenario.beacon.beacon_model import BeaconModel, policy

pytestmark = pytest.mark.kubernetes


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
