"""Mesh policies as Istio's AuthorizationPolicies.

Importing this does not import lightkube; the first request does.
"""

from typing import TYPE_CHECKING, Any

from ._enforcement import Enforcement, enforcement
from ._manager import PolicyResourceManager
from ._policies import DRY_RUN, Asked, authorization_policies, reconcile_policies, requested_by
from ._rules import APPLICATION_LABEL

if TYPE_CHECKING:
    from ._kinds import AuthorizationPolicy, Gateway

__all__ = [
    "APPLICATION_LABEL",
    "DRY_RUN",
    "Asked",
    "AuthorizationPolicy",
    "Enforcement",
    "Gateway",
    "PolicyResourceManager",
    "authorization_policies",
    "enforcement",
    "reconcile_policies",
    "requested_by",
]


def __getattr__(name: str) -> Any:
    if name in ("AuthorizationPolicy", "Gateway"):
        from . import _kinds

        return getattr(_kinds, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
