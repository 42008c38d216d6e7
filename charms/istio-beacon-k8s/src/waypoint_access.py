"""Policies that allow the waypoint at the pods behind it.

Without them, where istiod's PILOT_AUTO_ALLOW_WAYPOINT_POLICY is off, pods with policies would deny what the
waypoint has allowed, and pods without policies would be open to whoever goes past it.
"""

from collections.abc import Iterator

from charmlibs.interfaces.service_mesh import MeshPolicy, PolicyTargetType
from consumers import Consumer
from istio_policies import describe_sources
from k8s_charm import Owner, Resource, manifest, subtree


def waypoint_access(owner: Owner, waypoint: str, consumer: Consumer) -> Iterator[MeshPolicy]:
    """Yield the policies on pods that go with a consumer's policies on Services of the beacon's model.

    Args:
        owner: the beacon.
        waypoint: the name of its waypoint, which is that of the waypoint's service account.
        consumer: the consumer, with the policies that it is granted.
    """
    apps = {
        policy.target_app_name or consumer.app
        for policy in consumer.granted
        if policy.target_type is PolicyTargetType.app and policy.target_namespace == owner.model
    }
    for app in sorted(apps):
        yield MeshPolicy(
            source_namespace=owner.model,
            source_app_name=waypoint,
            target_namespace=owner.model,
            target_app_name=app,
            target_type=PolicyTargetType.unit,
        )


def is_waypoint_access(policy: Resource, owner: Owner, waypoint: str) -> bool:
    """Return whether an AuthorizationPolicy allows the beacon's waypoint, and no other source."""
    return describe_sources(subtree(manifest(policy), "spec")) == [f"{owner.model}/{waypoint}"]
