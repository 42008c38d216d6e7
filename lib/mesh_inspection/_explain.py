"""May this application ask that of the other, and why?"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from ._cluster import Cluster, Policy
from ._nearest import Miss, effort_of, nearest
from ._question import Question
from ._remedy import describe, remedy
from ._rules import Decision, decide
from ._view import View
from ._way import Checkpoint, NoWayError, Way, find_way, ports_in_question
from ._words import joined, requests_of

Verdict: TypeAlias = Literal["allowed", "refused", "unreachable"]
"""`unreachable`: it ends before any policy could decide."""

_VERDICTS: tuple[Verdict, ...] = ("allowed", "refused", "unreachable")
_MOST_NAMES = 5


@dataclass(frozen=True)
class Step:
    """What becomes of a request at one place on its way."""

    place: str
    outcome: str


@dataclass(frozen=True)
class Explanation:
    """What the mesh does about a request, and why. Whether anybody listens is not known to it."""

    question: Question
    """With the port that was meant."""
    verdict: Verdict
    why: str
    """In one line."""
    audit: Verdict | None = None
    """What it would be if the policies that only record were enforced; None if there are none on the way."""
    steps: tuple[Step, ...] = ()
    policies: tuple[Policy, ...] = ()
    """Those that let it in, or that deny it."""
    relations: tuple[str, ...] = ()
    """What these follow from, as far as that is known: `catalogue:catalogue`."""
    nearest: str = ""
    """If it is refused: what comes nearest to letting it in."""
    remedy: str = ""
    """And what to do about the difference."""
    notes: tuple[str, ...] = ()
    """What else an operator should know."""

    @property
    def answer(self) -> str:
        """The verdict and the reason, in one line."""
        audited = self.verdict == "allowed" and self.audit == "refused"
        return f"{self.verdict}{', would be refused (audit)' if audited else ''}: {self.why}"


def explain(
    question: Question, cluster: Cluster, view: View, remarks: Mapping[str, str] | None = None
) -> Explanation:
    """Say what the mesh does about a request.

    Where the question leaves the method or the path open, it is whether some request is allowed; where it
    leaves the port open, that is taken of which the best can be said.

    Args:
        question: the request.
        cluster: what is in Kubernetes; see `read_cluster`.
        view: what a charm knows of its policies.
        remarks: why some policies, `namespace/name`, are not as they should be.

    Raises:
        UnclearQuestionError: if somebody in it does not exist, or no port of it is known.
    """
    ports = ports_in_question(question, cluster)
    found = [_explain(replace(question, port=port), cluster, view, remarks or {}) for port in ports]
    best, _ = min(found, key=lambda each: _badness(*each))
    if len(ports) == 1:
        return best
    known = joined([str(port) for port in ports])
    note = f"no port was named: of {known}, this is about {best.question.port}"
    return replace(best, notes=(*best.notes, note))


def _badness(explanation: Explanation, missing: Miss | None) -> tuple[object, ...]:
    verdicts = explanation.verdict, explanation.audit or explanation.verdict
    return *map(_VERDICTS.index, verdicts), effort_of(missing)


def _explain(
    question: Question, cluster: Cluster, view: View, remarks: Mapping[str, str]
) -> tuple[Explanation, Miss | None]:
    try:
        way = find_way(question, cluster)
    except NoWayError as error:
        return Explanation(question, "unreachable", str(error)), None
    enforced, audited = _run(way, audit=False), _run(way, audit=True)
    only_recorded = any(policy.dry_run for lane in way.lanes for place in lane for policy in place.policies)
    if enforced.is_open and audited.is_open:
        missing = None
    else:
        refusing = audited if enforced.is_open else enforced
        missing = None if refusing.denied else nearest(question, way, cluster, view)
    explanation = Explanation(
        question,
        enforced.verdict,
        _why(enforced, way, question),
        audit=audited.verdict if only_recorded else None,
        steps=tuple(_steps(enforced)),
        policies=enforced.policies,
        relations=_relations(enforced.policies, view),
        nearest=describe(missing) if missing else "",
        remedy=remedy(missing, question, way, view) if missing else "",
        notes=(*_notes(way, enforced), *_remarked(way, remarks)),
    )
    return explanation, missing


@dataclass(frozen=True)
class _Course:
    """What becomes of a request on the way to the pods that it may go to."""

    lanes: tuple[tuple[tuple[Checkpoint, Decision], ...], ...]
    """For each pod the places up to where it is refused, and the decision there."""

    @property
    def is_open(self) -> bool:
        return any(map(_is_open, self.lanes))

    @property
    def verdict(self) -> Verdict:
        return "allowed" if self.is_open else "refused"

    @property
    def shown(self) -> tuple[tuple[Checkpoint, Decision], ...]:
        """The lane that stands for all."""
        return next(filter(_is_open, self.lanes), self.lanes[0])

    @property
    def denied(self) -> bool:
        """Whether it is refused because a policy says so, rather than for want of one."""
        return not self.is_open and bool(self.shown[-1][1].by)

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Those that decided."""
        deciding = self.shown if self.is_open else self.shown[-1:]
        found = (policy for _, decision in deciding for policy in decision.by if not policy.is_istios)
        return tuple(dict.fromkeys(found))


def _run(way: Way, *, audit: bool) -> _Course:
    return _Course(tuple(tuple(_follow(lane, audit=audit)) for lane in way.lanes))


def _follow(lane: Sequence[Checkpoint], *, audit: bool) -> Iterator[tuple[Checkpoint, Decision]]:
    for place in lane:
        policies = [policy for policy in place.policies if audit or not policy.dry_run]
        decision = decide(policies, place.request)
        yield place, decision
        if not decision.allowed:
            return


def _is_open(lane: Sequence[tuple[Checkpoint, Decision]]) -> bool:
    return all(decision.allowed for _, decision in lane)


def _why(course: _Course, way: Way, question: Question) -> str:
    if course.is_open:
        if course.policies:
            what = "it in"
            if way.passes_waypoint and None in (question.method, question.path):
                requests = [each for policy in course.policies for each in requests_of(policy)]
                what = f"in {joined(list(dict.fromkeys(requests)))}"
            return f"{_names(course.policies)} {_plural('lets', 'let', course.policies)} {what}"
        if not any(pod.in_mesh for pod in way.pods) and not way.passes_waypoint:
            return f"{_pods(way)} is outside the mesh, where nothing is enforced"
        return "no policy restricts what is asked for, and everything else is open in this mesh"
    place, decision = course.shown[-1]
    if decision.by:
        return f"{_names(decision.by)} {_plural('denies', 'deny', decision.by)} it at {place.name}"
    nobody = "" if way.source_in_mesh else ", and the source is outside the mesh, where it has no identity"
    if all(policy.is_istios for policy in decision.closed_by):
        return f"nothing lets it in at {place.name}, which is open only to its waypoint{nobody}"
    closed_by = [policy for policy in decision.closed_by if not policy.is_istios]
    closing = [policy for policy in closed_by if not policy.spec.get("rules")]
    if len(closing) == len(closed_by):
        return (
            f"no policy at {place.name} lets anybody in{nobody}, and {_names(closing)} "
            "refuses what nothing lets in"
        )
    others = len(closed_by) - len(closing)
    number = "1 policy lets" if others == 1 else f"{others} policies let"
    return f"nothing lets it in at {place.name}, where {number} in others{nobody}"


def _steps(course: _Course) -> Iterator[Step]:
    for place, decision in course.shown:
        if decision.by and decision.allowed:
            by_name = [policy for policy in decision.by if not policy.is_istios]
            lets_in = f"{_names(by_name)} {_plural('lets', 'let', by_name)} it in" if by_name else ""
            yield Step(place.name, lets_in or "open to its waypoint")
        elif decision.by:
            yield Step(place.name, f"{_names(decision.by)} {_plural('denies', 'deny', decision.by)} it")
        else:
            yield Step(place.name, "open" if decision.allowed else "refused: nothing lets it in")


def _notes(way: Way, course: _Course) -> Iterator[str]:
    refusing = [pod.name for pod, lane in zip(way.pods, course.lanes, strict=True) if not _is_open(lane)]
    if course.is_open and refusing:
        yield f"refused at some of the pods: {joined(refusing)}"
    if not way.source_in_mesh:
        yield "the source is outside the mesh: it goes past the waypoint, and has no identity"
    elif way.service and not way.service.waypoint:
        yield (
            f"Service {way.service.namespace}/{way.service.name} has no waypoint: "
            "what is asked of it goes straight to the pods, where methods and paths are not seen"
        )
    if not way.passes_waypoint and any(pod.in_mesh for pod in way.pods):
        yield "only the port was looked at: at pods, the mesh sees no methods and paths"


def _remarked(way: Way, remarks: Mapping[str, str]) -> Iterator[str]:
    alike: defaultdict[str, list[Policy]] = defaultdict(list)
    passed = (policy for lane in way.lanes for place in lane for policy in place.policies)
    for policy in dict.fromkeys(passed):
        if remark := remarks.get(str(policy)):
            alike[remark].append(policy)
    for remark, policies in alike.items():
        yield f"{_names(policies)}: {remark}"


def _relations(policies: Sequence[Policy], view: View) -> tuple[str, ...]:
    found = [each for policy in policies for each in view.relations_behind(policy) or sorted(policy.asked_by)]
    return tuple(dict.fromkeys(found))


def _names(policies: Sequence[Policy]) -> str:
    names = [str(policy) for policy in policies[:_MOST_NAMES]]
    if more := len(policies) - len(names):
        names.append(f"{more} more")
    return f"{_plural('policy', 'policies', policies)} {joined(names)}"


def _pods(way: Way) -> str:
    return joined([f"pod {pod.namespace}/{pod.name}" for pod in way.pods])


def _plural(one: str, several: str, things: Sequence[object]) -> str:
    return one if len(things) == 1 else several
