"""The enforcement of policies, as Istio reports it in their status."""

from collections.abc import Iterable
from dataclasses import dataclass

from k8s_charm import Json, ObjectRef, Resource, manifest, reference, sublist


@dataclass(frozen=True)
class Enforcement:
    """The enforcement of one AuthorizationPolicy."""

    ref: ObjectRef
    enforced: bool | None
    """None if Istio has not reported on the current generation of the policy yet."""
    reason: str
    """Istio's message if it does not enforce the policy; empty otherwise."""
    code: str = ""
    """Istio's name for that reason, such as `TargetNotFound` or `AncestorNotBound`."""


def enforcement(live: Iterable[Resource]) -> list[Enforcement]:
    """Return the enforcement of listed AuthorizationPolicies; no request is made."""
    return [_enforcement(reference(resource), manifest(resource)) for resource in live]


def _enforcement(ref: ObjectRef, policy: Json) -> Enforcement:
    try:
        return _reported(ref, policy)
    except (AttributeError, TypeError, ValueError):
        # The status is untrusted: it can have any form.
        return Enforcement(ref, None, "")


def _reported(ref: ObjectRef, policy: Json) -> Enforcement:
    # A waypoint enforces policies on Services, ztunnel those on pods.
    decisive = "WaypointAccepted" if sublist(policy, "spec", "targetRefs") else "ZtunnelAccepted"
    for condition in sublist(policy, "status", "conditions"):
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
