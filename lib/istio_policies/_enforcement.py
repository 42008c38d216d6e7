"""Whether Istio enforces what was written."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from k8s_charm import Json, ObjectRef, manifest, reference

if TYPE_CHECKING:
    from k8s_charm import Resource


@dataclass(frozen=True)
class Enforcement:
    """What Istio says of one AuthorizationPolicy."""

    ref: ObjectRef
    enforced: bool | None
    """None: it has not said anything yet of the policy as it is now."""
    reason: str
    """Istio's own words if it does not enforce the policy; empty otherwise."""
    code: str = ""
    """Istio's name for that reason, such as `TargetNotFound` or `AncestorNotBound`."""


def enforcement(live: "Iterable[Resource]") -> list[Enforcement]:
    """Read out of AuthorizationPolicies as they were listed whether each is enforced; no request is made."""
    return [_enforcement(reference(resource), manifest(resource)) for resource in live]


def _enforcement(ref: ObjectRef, policy: Json) -> Enforcement:
    try:
        return _said(ref, policy)
    except (AttributeError, TypeError, ValueError):
        # A status of any form can be written, by anybody who may.
        return Enforcement(ref, None, "")


def _said(ref: ObjectRef, policy: Json) -> Enforcement:
    # A waypoint enforces what is attached to a Service, ztunnel what selects pods.
    decisive = "WaypointAccepted" if (policy.get("spec") or {}).get("targetRefs") else "ZtunnelAccepted"
    status: Json = policy.get("status") or {}
    conditions: list[Json] = status.get("conditions") or []
    for condition in conditions:
        if condition.get("type") != decisive or _is_outdated(condition, policy):
            continue
        if condition.get("status") == "True" and condition.get("reason", "Accepted") == "Accepted":
            return Enforcement(ref, True, "")
        code = str(condition.get("reason") or "")
        return Enforcement(ref, False, str(condition.get("message") or code), code)
    return Enforcement(ref, None, "")


def _is_outdated(condition: Json, policy: Json) -> bool:
    generation = int(policy["metadata"].get("generation") or 0)
    return int(condition.get("observedGeneration") or generation) < generation
