"""The closest match of a denied request, and the commands that would have it allowed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from charmlibs.interfaces.service_mesh import local_name
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
from ._query import Question, Workload
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

# In order of effort: what comes first is the easiest to resolve.
_ORDER: tuple[Difference, ...] = (
    "written", "granted", "audit", "identity", "waypoint", "unready", "unnamed", "place", "relation",
    "source", "method", "path", "port", "host", "http", "condition",
)  # fmt: skip
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
_REQUESTS: frozenset[Difference] = frozenset({"method", "path", "port", "host"})


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
        """The size of the change that it takes; less is closer."""
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
        what = f"{match.requested.by} requests to allow {_sources(match)}: {requests}"
    else:
        what = f"policy {match.policy} allows {_sources(match)}: {requests}"
    reasons = [*_words(match, view)]
    return f"{what}; but {joined(reasons)}" if reasons else what


def suggest(match: NearMatch, question: Question, path: RequestPath, view: View) -> tuple[str, ...]:
    """Return the commands that resolve the differences, in order; a sentence where no command exists."""
    return tuple(dict.fromkeys(filter(None, _steps(match, question, path, view))))


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


def _steps(match: NearMatch, question: Question, path: RequestPath, view: View) -> Iterator[str]:
    differs = match.differs
    if "written" in differs:
        yield view.write_command or view.details_command
    if "granted" in differs and match.requested:
        yield match.requested.command
    if "audit" in differs:
        yield view.enforce_command
    if "identity" in differs:
        yield _join(question.source, view)
    if "waypoint" in differs:
        yield _join(question.target, view)
    if "unready" in differs and path.service and path.service.unready_waypoint:
        model, name = path.service.unready_waypoint
        yield f"kubectl describe gateway {name} -n {model}"
    if "unnamed" in differs:
        yield from _introduce(match, question, view)
    if "relation" in differs and match.declared:
        yield from _relate(question.source, question.target.model, match.declared.endpoint, view)
    if "source" in differs:
        yield from _relate_as_others(match, question, view)
    if "place" in differs:
        yield _other_address(match, question, path)
    if "http" in differs:
        yield "have the charm request a policy on its Service, or one on ports alone"
    if differs & _REQUESTS:
        yield f"allowed requests: {joined(describe_requests(match.policy.spec), 'or')}"


def _other_address(match: NearMatch, question: Question, path: RequestPath) -> str:
    if path.service:
        units = [f"{question.target.application}/{pod.name.rpartition('-')[2]}" for pod in path.pods]
        return f"send it to the unit ({joined(units, 'or')}), not to the Service"
    targets = joined(describe_targets(match.policy.namespace, match.policy.spec))
    return f"send it to the Service {targets}, not to the unit"


def _introduce(match: NearMatch, question: Question, view: View) -> Iterator[str]:
    """Yield the commands by which an application of another model sends its identity."""
    source, app = question.source, question.target.application.rpartition("/")[2]
    (shown, *_) = (each.rpartition("/")[2] for each in describe_sources(match.policy.spec))
    name = local_name(shown)
    condition = f"  # if {name} is {question.source}"
    if name == shown:
        command = f"juju integrate -m {source.model} {source.name}:require-cmr-mesh {app}:provide-cmr-mesh"
        yield f"{command}{condition}"
        return
    # It is known by the name under which it was consumed, and has to send it under that one, too.
    flag = _flag(question.target.model, view)
    yield f"juju offer {source.model}.{source.name}:ENDPOINT,require-cmr-mesh {name}{condition}"
    yield f"juju consume {flag}{source.model}.{name}"
    yield f"juju integrate {flag}{app}:provide-cmr-mesh {name}:require-cmr-mesh"


def _relate_as_others(match: NearMatch, question: Question, view: View) -> Iterator[str]:
    source, model = question.source, question.target.model
    # No relation grants what is for callers without one.
    is_internal = match.requested and (view.internal or match.requested.policy.callers)
    if match.requested and match.requested.endpoint and not is_internal:
        yield from _relate(source, model, f"{match.requested.by}:{match.requested.endpoint}", view)
    elif (
        match.policy.requested_by
        and not is_internal
        and not (match.requested and match.requested.policy.callers)
    ):
        first, *rest = _integrate(source, model, sorted(match.policy.requested_by)[0], view)
        yield f"{first}  # over the endpoint that {_sources(match)} uses"
        yield from rest
    else:
        yield "no known relation grants this"


def _relate(source: Workload, model: str, endpoint: str, view: View) -> Iterator[str]:
    """Yield the commands that relate an application whose endpoints are not known."""
    first, *rest = _integrate(source, model, endpoint, view)
    yield f"{first}  # if {source.name} has an endpoint for it"
    yield from rest


def _integrate(source: Workload, model: str, endpoint: str, view: View) -> Iterator[str]:
    """Yield the commands that relate an application with an endpoint, `app:name`, or just `app`."""
    if source.model == model:
        yield f"juju integrate {_flag(model, view)}{source.name} {endpoint}"
        return
    app, _, name = endpoint.partition(":")
    yield f"juju offer {model}.{app}:{name or 'ENDPOINT'},provide-cmr-mesh {app}"
    yield f"juju consume -m {source.model} {model}.{app}"
    yield f"juju integrate -m {source.model} {source.name} {endpoint}"
    yield f"juju integrate -m {source.model} {source.name}:require-cmr-mesh {app}:provide-cmr-mesh"


def _join(workload: Workload, view: View) -> str:
    if workload.model == view.owner.model and view.beacon:
        return f"juju integrate {workload.name}:service-mesh {view.beacon}"
    return f"juju integrate -m {workload.model} {workload.name}:service-mesh BEACON  # that model's beacon"


def _flag(model: str, view: View) -> str:
    return "" if model == view.owner.model else f"-m {model} "


def _sources(match: NearMatch) -> str:
    if "unnamed" in match.differs:
        return "an application of another model"
    return joined(describe_sources(match.policy.spec))
