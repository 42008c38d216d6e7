"""Assumptions: properties of the mesh on which an answer depends."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from istio_policies import TRUST_DOMAIN
from k8s_charm import Json

from ._cluster import Cluster, LivePolicy
from ._request_path import is_for_all_pods, is_for_all_waypoints

_WAYPOINTS: Json = {
    "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "GatewayClass", "name": "istio-waypoint"}]
}
_ANOTHER_DOMAIN = "another.domain"


def assumptions(cluster: Cluster, differs: Callable[[Cluster], bool]) -> Iterator[str]:
    """Yield the properties of the mesh, known or assumed, that change the answer.

    The answer is about the cluster; `differs` returns whether another cluster has another answer.
    """
    if differs(_hardened(cluster) if not _hardening(cluster) else _softened(cluster)):
        yield _hardening_in_words(cluster)
    if differs(replace(cluster, auto_allow=not cluster.allows_waypoints)):
        state = "on" if cluster.allows_waypoints else "off"
        known = "" if cluster.auto_allow is not None else ", as istio-k8s has it: istiod was not found"
        yield f"istiod's PILOT_AUTO_ALLOW_WAYPOINT_POLICY is {state}{known}"
    if differs(replace(cluster, trust_domain=_ANOTHER_DOMAIN)):
        yield f"the mesh's trust domain is {cluster.trust_domain or TRUST_DOMAIN}"


def _hardening_in_words(cluster: Cluster) -> str:
    found = _hardening(cluster)
    if not found:
        return "the mesh is not hardened"
    names = " and ".join(map(str, found))
    parts = [
        *(["pods"] if any(map(is_for_all_pods, found)) else []),
        *(["waypoints"] if any(map(is_for_all_waypoints, found)) else []),
    ]
    return f"the mesh is hardened at {' and '.join(parts)}, by {names}"


def _hardening(cluster: Cluster) -> list[LivePolicy]:
    """Return the policies that deny all requests that no policy allows, in the whole mesh."""
    return [
        policy
        for policy in cluster.policies
        if policy.namespace == cluster.root_namespace
        and not policy.spec.get("rules")
        and (policy.spec.get("action") or "ALLOW") == "ALLOW"
        and (is_for_all_pods(policy) or is_for_all_waypoints(policy))
    ]


def _softened(cluster: Cluster) -> Cluster:
    found = _hardening(cluster)
    return replace(cluster, policies=tuple(each for each in cluster.policies if each not in found))


def _hardened(cluster: Cluster) -> Cluster:
    root = cluster.root_namespace
    closing = (LivePolicy(root, "pods", {}), LivePolicy(root, "waypoints", _WAYPOINTS))
    return replace(cluster, policies=(*cluster.policies, *closing))
