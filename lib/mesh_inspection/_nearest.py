"""What comes nearest to letting a refused request in."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ._cluster import Cluster, Policy, Service
from ._question import Question
from ._rules import Http, Request, allows, differences
from ._view import Door, View, Wish, meaning
from ._way import Way, selects, target_refs
from ._words import is_of_nobody_yet

Difference: TypeAlias = Literal[
    "written", "granted", "audit", "identity", "waypoint", "unnamed", "place", "relation",
    "source", "method", "path", "port", "host", "http", "condition",
]  # fmt: skip
"""In what something does not fit a request: it is not in Kubernetes, not granted to who asks for it, or only
records; the source has no identity; the Service has no waypoint; it is for an application of another model
that has not said who it is there; it is about the Service rather than the units, or the other way round;
there is no such relation; or it is about other requests."""

# The sooner in this list, the less it takes.
_ORDER: tuple[Difference, ...] = (
    "written", "granted", "audit", "identity", "waypoint", "unnamed", "place", "relation",
    "source", "method", "path", "port", "host", "http", "condition",
)  # fmt: skip
# Less near than another request of one's own.
_HEAVY: tuple[Difference, ...] = ("source", "condition")
_MOST = 3
"""What differs in more is not near."""


@dataclass(frozen=True)
class Miss:
    """Something that would let requests in, and in what it does not fit this one."""

    policy: Policy
    """In Kubernetes, or as it would be."""
    differs: frozenset[Difference]
    wish: Wish | None = None
    """What it follows from, if that is known."""
    door: Door | None = None
    """The endpoint that would have it, if there is none yet."""

    @property
    def effort(self) -> tuple[int, list[int], str]:
        """What it would take; less is nearer."""
        return _weight(self.differs), sorted(map(_ORDER.index, self.differs)), str(self.policy)


def effort_of(miss: Miss | None) -> tuple[int, list[int], str]:
    """What it would take; nothing takes as much as there being no way at all."""
    return miss.effort if miss else (_MOST + len(_ORDER), [], "")


def nearest(question: Question, way: Way, cluster: Cluster, view: View) -> Miss | None:
    """The policy, wish or endpoint that fits a refused request best; None if none is near."""
    found = [
        *_misses_of_policies(question, way, cluster, view),
        *_misses_of_wishes(question, way, cluster, view),
        *_misses_of_doors(question, way, cluster, view),
    ]
    near = [miss for miss in found if 0 < _weight(miss.differs) <= _MOST and "condition" not in miss.differs]
    return min(near, key=lambda miss: miss.effort, default=None)


def _misses_of_policies(question: Question, way: Way, cluster: Cluster, view: View) -> Iterator[Miss]:
    for policy in cluster.policies:
        differs = _differences(policy, question, way, cluster) if allows(policy) else None
        if differs is not None:
            wish = next(iter(view.wishes_behind(policy)), None)
            yield Miss(policy, _with(differs, "audit") if policy.dry_run else differs, wish)


def _misses_of_wishes(question: Question, way: Way, cluster: Cluster, view: View) -> Iterator[Miss]:
    present = {meaning(policy) for policy in cluster.policies}
    for wish in view.wishes:
        policy = view.as_policy(wish)
        if not wish.refused and meaning(policy) in present:
            continue
        differs = _differences(policy, question, way, cluster)
        if differs is not None:
            yield Miss(policy, _with(differs, "granted" if wish.refused else "written"), wish)


def _misses_of_doors(question: Question, way: Way, cluster: Cluster, view: View) -> Iterator[Miss]:
    source = question.source
    for door in view.doors:
        if (door.model, door.app) != (source.model, source.name):
            policy = view.as_policy(Wish(door.opened_for(source.model, source.name), door.app))
            is_related = bool(view.wishes_behind(policy))
            differs = None if is_related else _differences(policy, question, way, cluster)
            if differs is not None:
                yield Miss(policy, _with(differs, "relation"), door=door)


def _differences(
    policy: Policy, question: Question, way: Way, cluster: Cluster
) -> frozenset[Difference] | None:
    """In what a request differs from what a policy lets in; None if that is something else altogether."""
    differs: set[Difference] = set() if way.source_in_mesh else {"identity"}
    if target_refs(policy):
        service = _service_meant(policy, way, cluster)
        if service is None:
            return None
        if way.service is None:
            differs.add("place")
        elif way.source_in_mesh and not way.service.waypoint:
            differs.add("waypoint")
        http = Http(question.method, question.path, question.host or service.host)
        request = Request(way.identity, _port_in_front(service, way), http)
    else:
        if not any(selects(policy, pod) and policy.namespace == pod.namespace for pod in way.pods):
            return None
        if way.passes_waypoint:
            differs.add("place")
        request = Request(way.identity, way.ports[0], None)
    options = [frozenset[Difference]({*differs, *each}) for each in differences(policy, request)]
    if question.source.model != policy.namespace and is_of_nobody_yet(policy):
        options = [_with(each - {"source"}, "unnamed") for each in options]
    return min(options, key=lambda each: (len(each), sorted(map(_ORDER.index, each))), default=None)


def _weight(differs: frozenset[Difference]) -> int:
    return len(differs) + len(differs.intersection(_HEAVY))


def _with(differs: frozenset[Difference], one: Difference) -> frozenset[Difference]:
    return frozenset((*differs, one))


def _service_meant(policy: Policy, way: Way, cluster: Cluster) -> Service | None:
    """The Service that a policy is about, if the request is for that, or for a pod behind it."""
    names = {ref.get("name") for ref in target_refs(policy) if ref.get("kind") == "Service"}
    for service in [way.service] if way.service else cluster.services:
        if (
            service.namespace == policy.namespace
            and service.name in names
            and any(service.selects(pod) for pod in way.pods)
        ):
            return service
    return None


def _port_in_front(service: Service, way: Way) -> int:
    """The port of the Service behind which is what is asked for."""
    if way.service is None:
        for port, target in service.ports.items():
            if target == way.port:
                return port
    return way.port
