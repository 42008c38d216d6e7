"""Whether Istio enforces what was written."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._objects import Json, manifest, reference
from ._result import ObjectRef

if TYPE_CHECKING:
    from ._objects import Resource


@dataclass(frozen=True)
class Enforcement:
    """What Istio says of one AuthorizationPolicy."""

    ref: ObjectRef
    enforced: bool | None
    """None: it has not said anything yet of the policy as it is now."""
    reason: str
    """Istio's own words if it does not enforce the policy; empty otherwise."""


def enforcement(live: "Iterable[Resource]") -> list[Enforcement]:
    """Read out of AuthorizationPolicies as they were listed whether each is enforced; no request is made."""
    return [_enforcement(reference(resource), manifest(resource)) for resource in live]


def _enforcement(ref: ObjectRef, policy: Json) -> Enforcement:
    # A waypoint enforces what is attached to a Service, ztunnel what selects pods.
    decisive = "WaypointAccepted" if (policy.get("spec") or {}).get("targetRefs") else "ZtunnelAccepted"
    status: Json = policy.get("status") or {}
    conditions: list[Json] = status.get("conditions") or []
    for condition in conditions:
        if condition.get("type") != decisive or _is_outdated(condition, policy):
            continue
        if condition.get("status") == "True" and condition.get("reason", "Accepted") == "Accepted":
            return Enforcement(ref, True, "")
        return Enforcement(ref, False, condition.get("message") or condition.get("reason") or "")
    return Enforcement(ref, None, "")


def _is_outdated(condition: Json, policy: Json) -> bool:
    generation = int(policy["metadata"].get("generation") or 0)
    return int(condition.get("observedGeneration") or generation) < generation
