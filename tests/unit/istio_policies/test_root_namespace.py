"""In Istio's root namespace, a policy on pods holds for namesakes in all namespaces."""

import pytest
from lightkube import Client

from charmlibs.interfaces.service_mesh import MeshPolicy, PolicyTargetType
from istio_policies import DesiredPolicies, PolicyRequestFrom, list_policies, plan_policies
from k8s_charm import Deadline, Owner, manifest
from tests.support.policies import LABELS, policy, requests_for
from tests.support.policies import OWNER as BEACON
from tests.support.reconciling import reconcile_policies

pytestmark = pytest.mark.kubernetes
OWNER = Owner("beacon", "istio-system")


def request(target_type: str) -> PolicyRequestFrom:
    policy = MeshPolicy.model_validate(
        {
            "source_namespace": "shop",
            "source_app_name": "web",
            "target_namespace": "istio-system",
            "target_app_name": "catalogue",
            "target_type": target_type,
        }
    )
    return PolicyRequestFrom(policy, ["catalogue"])


def test_policies_on_pods_are_not_written_there(client: Client):
    live = list_policies(client, OWNER.labels("policies"), OWNER, Deadline())
    changes = plan_policies(live, DesiredPolicies([request("app"), request("unit")]))
    (failure,) = changes.failed
    assert "a policy on pods holds in all models" in str(failure)
    (write,) = changes.create
    assert write.desired
    assert "targetRefs" in manifest(write.desired)["spec"]


def test_the_root_namespace_may_be_another_one(client: Client):
    live = list_policies(client, OWNER.labels("policies"), OWNER, Deadline())
    changes = plan_policies(live, DesiredPolicies([request("unit")]), root_namespaces=["mesh"])
    assert not changes.failed
    assert len(changes.create) == 1


def test_retained_policies_on_pods_go(client: Client):
    both = [policy(target_type=kind) for kind in PolicyTargetType]
    reconcile_policies(client, requests_for(both, "shop"))
    live = list_policies(client, LABELS, BEACON, Deadline())
    changes = plan_policies(live, DesiredPolicies(retain=["shop"]), root_namespaces=["m"])
    (write,) = changes.delete
    assert write.live
    assert "selector" in manifest(write.live)["spec"]
    assert len(changes.retained) == 1
