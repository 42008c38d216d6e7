"""The closest match of a denied request: a policy that allows others."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from istio_policies import (
    describe_requests,
    describe_sources,
    describe_targets,
    has_unresolved_source,
    joined,
    target_refs,
)

from ._cluster import Cluster, LivePolicy, Service
from ._evaluate import Http, Request, allows, differences
from ._query import Question
from ._request_path import RequestPath
from ._view import DeclaredPolicy, RequestedPolicy, View, meaning

Difference: TypeAlias = Literal[
    "written", "granted", "audit", "identity", "waypoint", "unready", "unnamed", "place", "relation",
    "source", "method", "path", "port", "host", "http", "condition",
]  # fmt: skip
"""A difference between a policy and a request: the policy is not in Kubernetes, not granted to its
requester, or in audit mode; the source has no identity; the Service has no waypoint, or one that is not
ready; the policy is for an application of another model whose identity is unknown; it is on the Service
rather than the units, or the reverse; there is no such relation; or it allows other requests."""

# In order of effort: the first one is the easiest to resolve.
_ORDER: tuple[Difference, ...] = get_args(Difference)
# These count twice: they are further from a match than another method or path.
_HEAVY: tuple[Difference, ...] = ("source", "condition")
_MOST = 3
"""The most differences, by weight, that a close match has."""

_WORDS: dict[Difference, str] = {
    "identity": "the source is outside the mesh, where it has no identity",
    "waypoint": "the Service has no waypoint, which would enforce it",
    "unready": "the waypoint of the Service, which would enforce it, is not ready",
    "unnamed": "its identity is not known: it has not sent it over cross_model_mesh",
    "relation": "there is no such relation",
    "source": "it allows another application",
    "audit": "it is in audit mode, which only logs",
    "method": "it allows another method",
    "path": "it allows another path",
    "port": "it allows another port",
    "host": "it allows another host",
    "http": "it names methods, paths or hosts, which ztunnel does not see",
}


@dataclass(frozen=True)
class NearMatch:
    """A policy that allows other requests, and its differences from this one."""

    policy: LivePolicy
    """The policy in Kubernetes, or one that does not exist yet."""
    differs: frozenset[Difference]
    requested: RequestedPolicy | None = None
    """The requested policy that it follows from, if that is known."""
    declared: DeclaredPolicy | None = None
    """The endpoint that would have it, if there is no relation yet."""

    @property
    def effort(self) -> tuple[int, list[int], str]:
        """The size of the necessary change; less is closer."""
        return _weight(self.differs), sorted(map(_ORDER.index, self.differs)), str(self.policy)


def effort_of(match: NearMatch | None) -> tuple[int, list[int], str]:
    """Return the effort of a match; no match at all counts as the greatest effort."""
    return match.effort if match else (_MOST + len(_ORDER), [], "")


def closest_match(question: Question, path: RequestPath, cluster: Cluster, view: View) -> NearMatch | None:
    """Return the policy that fits a denied request best, existing or possible; None if none is close."""
    found = [
        *_live_policies(question, path, cluster, view),
        *_requested_policies(question, path, cluster, view),
        *_declared_policies(question, path, cluster, view),
    ]
    found = [match for match in found if not view.allows_waypoint(match.policy)]
    return min(filter(_is_close, found), key=lambda match: match.effort, default=None)


def describe(match: NearMatch, view: View) -> str:
    """Return a sentence about the closest match: the requests that it allows, and how it differs."""
    requests = joined(describe_requests(match.policy.spec))
    if match.declared:
        what = f"a relation with {match.declared.endpoint} would allow {requests}"
    elif match.differs & {"written", "granted"} and match.requested:
        what = f"{match.requested.by} requests to allow {sources_of(match)}: {requests}"
    else:
        what = f"policy {match.policy} allows {sources_of(match)}: {requests}"
    reasons = [*_words(match, view)]
    return f"{what}; but {joined(reasons)}" if reasons else what


def _live_policies(
    question: Question, path: RequestPath, cluster: Cluster, view: View
) -> Iterator[NearMatch]:
    for policy in cluster.policies:
        differs = _differences(policy, question, path, cluster) if allows(policy) else None
        if differs is not None:
            requested = next(iter(view.requests_behind(policy)), None)
            yield NearMatch(policy, _with(differs, "audit") if policy.dry_run else differs, requested)


def _requested_policies(
    question: Question, path: RequestPath, cluster: Cluster, view: View
) -> Iterator[NearMatch]:
    present = {meaning(policy) for policy in cluster.policies}
    for requested in view.requested:
        policy = view.as_policy(requested)
        if not requested.rejected and meaning(policy) in present:
            continue
        differs = _differences(policy, question, path, cluster)
        if differs is not None:
            missing: Difference = "granted" if requested.rejected else "written"
            yield NearMatch(policy, _with(_joined(differs, path), missing), requested)


def _declared_policies(
    question: Question, path: RequestPath, cluster: Cluster, view: View
) -> Iterator[NearMatch]:
    source = question.source
    for declared in view.declared:
        if (declared.model, declared.app) != (source.model, source.name):
            requested = RequestedPolicy(declared.for_source(source.model, source.name), declared.app)
            policy = view.as_policy(requested)
            is_related = bool(view.requests_behind(policy))
            differs = None if is_related else _differences(policy, question, path, cluster)
            if differs is not None:
                yield NearMatch(policy, _with(_joined(differs, path), "relation"), declared=declared)


def _joined(differs: frozenset[Difference], path: RequestPath) -> frozenset[Difference]:
    """Ignore a missing waypoint if the pods are in the mesh: a policy on the Service adds the waypoint."""
    return differs - {"waypoint"} if any(pod.in_mesh for pod in path.pods) else differs


def _differences(
    policy: LivePolicy, question: Question, path: RequestPath, cluster: Cluster
) -> frozenset[Difference] | None:
    """Return the differences between a request and a policy; None if the policy has other targets."""
    differs: set[Difference] = set() if path.source_in_mesh else {"identity"}
    if target_refs(policy.spec):
        service = _service_meant(policy, path, cluster)
        if service is None:
            return None
        if path.service is None:
            differs.add("place")
        elif path.source_in_mesh and not path.service.waypoint:
            differs.add("unready" if path.service.unready_waypoint else "waypoint")
        http = Http(question.method, question.path, question.host or service.host)
        request = Request(path.identity, _port_in_front(service, path), http)
    else:
        if not any(policy.selects(pod) and policy.namespace == pod.namespace for pod in path.pods):
            return None
        if path.passes_waypoint:
            differs.add("place")
        request = Request(path.identity, path.ports[0], None)
    options = [frozenset[Difference]({*differs, *each}) for each in differences(policy, request)]
    if question.source.model != policy.namespace and has_unresolved_source(policy.spec):
        options = [_with(each - {"source"}, "unnamed") for each in options]
    return min(options, key=lambda each: (len(each), sorted(map(_ORDER.index, each))), default=None)


def _is_close(match: NearMatch) -> bool:
    return 0 < _weight(match.differs) <= _MOST and "condition" not in match.differs


def _weight(differs: frozenset[Difference]) -> int:
    return len(differs) + len(differs.intersection(_HEAVY))


def _with(differs: frozenset[Difference], one: Difference) -> frozenset[Difference]:
    return frozenset((*differs, one))


def _service_meant(policy: LivePolicy, path: RequestPath, cluster: Cluster) -> Service | None:
    """Return the Service that a policy targets, if the request is for it or for a pod behind it."""
    names = {ref.get("name") for ref in target_refs(policy.spec) if ref.get("kind") == "Service"}
    for service in [path.service] if path.service else cluster.services:
        if (
            service.namespace == policy.namespace
            and service.name in names
            and any(service.selects(pod) for pod in path.pods)
        ):
            return service
    return None


def _port_in_front(service: Service, path: RequestPath) -> int:
    """Return the port of the Service that leads to the port that is addressed."""
    if path.service is None:
        for port, target in service.ports.items():
            if target == path.port:
                return port
    return path.port


def _words(match: NearMatch, view: View) -> Iterator[str]:
    if "written" in match.differs:
        yield f"it is not in Kubernetes{f', {view.unwritten}' if view.unwritten else ''}"
    if "granted" in match.differs and match.requested:
        yield f"it is not granted: {match.requested.rejected}"
    for each in sorted(match.differs & _WORDS.keys()):
        if each != "relation" or not match.declared:
            yield _WORDS[each]
    if "place" in match.differs:
        yield f"it is on {joined(describe_targets(match.policy.namespace, match.policy.spec))}"


def sources_of(match: NearMatch) -> str:
    """Return the sources that a match allows, in words."""
    if "unnamed" in match.differs:
        return "an application of another model"
    return joined(describe_sources(match.policy.spec))
