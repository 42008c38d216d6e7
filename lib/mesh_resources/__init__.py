"""Kubernetes objects of a service mesh: made out of policies, and kept as they should be.

Importing this does not import lightkube; the first request does.
"""

from typing import TYPE_CHECKING, Any

from charmlibs.interfaces.service_mesh import kubernetes_errors

from ._access import APPLICATION_LABEL
from ._enforcement import Enforcement, enforcement
from ._kubernetes import kubernetes_problem, passes_by_itself
from ._look import look
from ._manager import PolicyResourceManager
from ._objects import Json, ObjectRef, Resource, manifest, reference
from ._owner import OWNER, Owner, label_value
from ._policies import DRY_RUN, Asked, authorization_policies, reconcile_policies, requested_by
from ._reconcile import reconcile
from ._result import Failure, ReconcileResult

if TYPE_CHECKING:
    from ._kinds import AuthorizationPolicy, Gateway

__all__ = [
    "APPLICATION_LABEL",
    "DRY_RUN",
    "OWNER",
    "Asked",
    "AuthorizationPolicy",
    "Enforcement",
    "Failure",
    "Gateway",
    "Json",
    "ObjectRef",
    "Owner",
    "PolicyResourceManager",
    "ReconcileResult",
    "Resource",
    "authorization_policies",
    "enforcement",
    "kubernetes_errors",
    "kubernetes_problem",
    "label_value",
    "look",
    "manifest",
    "passes_by_itself",
    "reconcile",
    "reconcile_policies",
    "reference",
    "requested_by",
]


def __getattr__(name: str) -> Any:
    if name in ("AuthorizationPolicy", "Gateway"):
        from . import _kinds

        return getattr(_kinds, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
