"""Mesh policies as Istio's AuthorizationPolicies.

Importing this does not import lightkube; the first request does.
"""

from typing import TYPE_CHECKING, Any

from ._audit import PURPOSE, audit_policies, is_for_audit
from ._cluster_mesh import ClusterMesh
from ._description import (
    ANYBODY,
    describe_callers,
    describe_requests,
    describe_sources,
    describe_targets,
    has_unresolved_source,
    joined,
    target_name,
    target_names,
    target_refs,
)
from ._enforcement import Enforcement, enforcement
from ._manager import PolicyResourceManager
from ._object import policy_object
from ._policies import (
    DRY_RUN,
    ROOT_NAMESPACE,
    DesiredPolicies,
    PolicyRequestFrom,
    authorization_policies,
    holds_everywhere,
    list_policies,
    plan_policies,
    requested_by,
    requesters,
)
from ._rules import APPLICATION_LABEL, TRUST_DOMAIN, check_trust_domain

if TYPE_CHECKING:
    from ._kinds import AuthorizationPolicy, Gateway, GatewayClass

__all__ = [
    "ANYBODY",
    "APPLICATION_LABEL",
    "DRY_RUN",
    "PURPOSE",
    "ROOT_NAMESPACE",
    "TRUST_DOMAIN",
    "AuthorizationPolicy",
    "ClusterMesh",
    "DesiredPolicies",
    "Enforcement",
    "Gateway",
    "GatewayClass",
    "PolicyRequestFrom",
    "PolicyResourceManager",
    "audit_policies",
    "authorization_policies",
    "check_trust_domain",
    "describe_callers",
    "describe_requests",
    "describe_sources",
    "describe_targets",
    "enforcement",
    "has_unresolved_source",
    "holds_everywhere",
    "is_for_audit",
    "joined",
    "list_policies",
    "plan_policies",
    "policy_object",
    "requested_by",
    "requesters",
    "target_name",
    "target_names",
    "target_refs",
]


def __getattr__(name: str) -> Any:
    if name in ("AuthorizationPolicy", "Gateway", "GatewayClass"):
        from . import _kinds

        return getattr(_kinds, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
