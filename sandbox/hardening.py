"""The policies with which a mesh denies what no other policy allows."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightkube import Client

    from .mesh import PolicyState

ROOT_NAMESPACE = "istio-system"
_WAYPOINTS = {"group": "gateway.networking.k8s.io", "kind": "GatewayClass", "name": "istio-waypoint"}
_NOTHING: Mapping[str, dict[str, object]] = {
    "allow-nothing": {},
    "allow-nothing-at-waypoints": {"targetRefs": [_WAYPOINTS]},
}


def is_hardened(policies: "Iterable[PolicyState]") -> bool:
    """Return whether these policies deny everywhere what no other one allows."""
    at_root = {policy.name for policy in policies if policy.namespace == ROOT_NAMESPACE}
    return at_root >= _NOTHING.keys()


def harden(client: "Client") -> None:
    """Deny, at pods and at waypoints, what no policy allows.

    https://istio.io/latest/docs/ops/best-practices/security/#use-default-deny-patterns
    """
    from lightkube.models.meta_v1 import ObjectMeta
    from lightkube.resources.core_v1 import Namespace

    from istio_policies import AuthorizationPolicy

    # With istiod, the namespace exists already.
    client.apply(Namespace(metadata=ObjectMeta(name=ROOT_NAMESPACE)), field_manager="sandbox")
    for name, spec in _NOTHING.items():
        client.create(
            AuthorizationPolicy(metadata=ObjectMeta(name=name, namespace=ROOT_NAMESPACE), spec=spec)
        )


def remove_hardening(client: "Client") -> None:
    """Undo `harden`."""
    from istio_policies import AuthorizationPolicy

    for name in _NOTHING:
        client.delete(AuthorizationPolicy, name, namespace=ROOT_NAMESPACE)
