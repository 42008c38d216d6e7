"""Policies that allow the waypoint at the pods behind it.

Without them, where istiod's PILOT_AUTO_ALLOW_WAYPOINT_POLICY is off, pods with policies would deny what the
waypoint has allowed, and pods without policies would be open to whoever goes past it.
"""

from collections.abc import Iterator

from charmlibs.interfaces.service_mesh import MeshPolicy, PolicyTargetType
from consumers import Consumer
from istio_policies import describe_sources
from k8s_charm import Resource, manifest, subtree
from waypoint import Waypoint


def waypoint_access(waypoint: Waypoint, consumer: Consumer) -> Iterator[MeshPolicy]:
    """Yield the policies on pods that go with a consumer's policies on Services of the beacon's model."""
    model = waypoint.owner.model
    apps = {
        policy.target_app_name or consumer.app
        for policy in consumer.granted
        if policy.target_type is PolicyTargetType.app and policy.target_namespace == model
    }
    for app in sorted(apps):
        yield MeshPolicy(
            source_namespace=model,
            source_app_name=waypoint.name,  # its service account has the same name
            target_namespace=model,
            target_app_name=app,
            target_type=PolicyTargetType.unit,
        )


def is_waypoint_access(policy: Resource, waypoint: Waypoint) -> bool:
    """Return whether an AuthorizationPolicy allows the beacon's waypoint, and no other source."""
    return describe_sources(subtree(manifest(policy), "spec")) == [f"{waypoint.owner.model}/{waypoint.name}"]
