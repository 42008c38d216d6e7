"""Explanations: the mesh's verdict on a request, and the reasons for it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from istio_policies import describe_requests, joined

from ._assumptions import assumptions
from ._cluster import Cluster, LivePolicy
from ._commands import suggest
from ._evaluate import Decision, decide
from ._near_match import NearMatch, closest_match, describe, effort_of
from ._query import Question
from ._request_path import EnforcementPoint, NoPathError, PathToPod, RequestPath, find_path, ports_in_question
from ._view import View

Verdict: TypeAlias = Literal["allowed", "denied", "unreachable"]
"""`unreachable`: it ends before any policy could decide."""

_VERDICTS: tuple[Verdict, ...] = ("allowed", "denied", "unreachable")
_MOST_NAMES = 5


@dataclass(frozen=True)
class PathStep:
    """The decision on a request at one enforcement point of its path."""

    point: str
    decision: str


@dataclass(frozen=True)
class Explanation:
    """The mesh's verdict on a request, with its reasons. Whether a server listens there is not checked."""

    question: Question
    """The question, with the port that the answer is about."""
    verdict: Verdict
    why: str
    """The reason, in one line."""
    audit: Verdict | None = None
    """The verdict if the policies in audit mode were enforced; None if there are none on the path."""
    steps: tuple[PathStep, ...] = ()
    policies: tuple[LivePolicy, ...] = ()
    """The policies that allow it, or that deny it."""
    relations: tuple[str, ...] = ()
    """The relations that these follow from, as far as they are known: `catalogue:catalogue`."""
    closest_match: str = ""
    """If it is denied: the policy or relation that fits best, and how it differs."""
    suggestion: tuple[str, ...] = ()
    """The commands that would have it allowed, in order."""
    notes: tuple[str, ...] = ()
    """Further notes for an operator."""
    assumptions: tuple[str, ...] = ()
    """Conditions that the verdict depends on, as the mesh is or is taken to be."""

    @property
    def answer(self) -> str:
        """The verdict and the reason, in one line."""
        audited = self.verdict == "allowed" and self.audit == "denied"
        return f"{self.verdict}{', would be denied (audit)' if audited else ''}: {self.why}"


def explain(
    question: Question, cluster: Cluster, view: View, remarks: Mapping[str, str] | None = None
) -> Explanation:
    """Explain the mesh's verdict on a request.

    If the question names no method or no path, the verdict is `allowed` if some such request is; if it names
    no port, the answer is about the port with the best verdict.

    Args:
        question: the request.
        cluster: the objects in Kubernetes; see `read_cluster`.
        view: the charm's view of its policies.
        remarks: reasons why policies, named `namespace/name`, are not as desired.

    Raises:
        UnclearQuestionError: if a workload in it does not exist, or no port of it is known.
    """
    cluster = replace(cluster, trust_domain=cluster.trust_domain or view.trust_domain)
    ports = ports_in_question(question, cluster)
    found = [_explain(replace(question, port=port), cluster, view, remarks or {}) for port in ports]
    best, _ = min(found, key=lambda each: _badness(*each))
    if len(ports) == 1:
        return best
    known = joined([str(port) for port in ports])
    note = f"no port was named: of {known}, this answer is about {best.question.port}"
    return replace(best, notes=(*best.notes, note))


def _badness(explanation: Explanation, match: NearMatch | None) -> tuple[object, ...]:
    verdicts = explanation.verdict, explanation.audit or explanation.verdict
    return *map(_VERDICTS.index, verdicts), effort_of(match)


def _explain(
    question: Question, cluster: Cluster, view: View, remarks: Mapping[str, str]
) -> tuple[Explanation, NearMatch | None]:
    try:
        path = find_path(question, cluster)
    except NoPathError as error:
        return Explanation(question, "unreachable", str(error)), None
    enforced, audited = _evaluate(path, audit=False), _evaluate(path, audit=True)
    has_audited = any(policy.dry_run for policy in path.policies)
    match = None
    if not (enforced.is_open and audited.is_open):
        denying = audited if enforced.is_open else enforced
        match = None if denying.is_denied_by_policy else closest_match(question, path, cluster, view)
    answer = _judge(path)
    explanation = Explanation(
        question,
        enforced.verdict,
        _why(enforced, path, question),
        audit=audited.verdict if has_audited else None,
        steps=tuple(_steps(enforced)),
        policies=enforced.policies,
        relations=_relations(enforced.policies, view),
        closest_match=describe(match, view) if match else "",
        suggestion=suggest(match, question, path, view) if match else (),
        notes=(*_notes(path, enforced), *_remarked(path, remarks)),
        assumptions=tuple(assumptions(cluster, lambda other: _judge(find_path(question, other)) != answer)),
    )
    return explanation, match


_Decided: TypeAlias = tuple[EnforcementPoint, Decision]


@dataclass(frozen=True)
class Evaluation:
    """The decisions on a request along the paths to the pods that it may go to."""

    to_pods: tuple[tuple[_Decided, ...], ...]
    """For each pod the points up to where it is denied, and the decision there."""

    @property
    def is_open(self) -> bool:
        """Return whether it is allowed at some pod."""
        return any(map(_is_open, self.to_pods))

    @property
    def verdict(self) -> Verdict:
        """The verdict for all pods together."""
        return "allowed" if self.is_open else "denied"

    @property
    def shown(self) -> tuple[_Decided, ...]:
        """The path that stands for all."""
        return next(filter(_is_open, self.to_pods), self.to_pods[0])

    @property
    def is_denied_by_policy(self) -> bool:
        """Return whether a policy denies it, rather than none allowing it."""
        return not self.is_open and bool(self.shown[-1][1].by)

    @property
    def policies(self) -> tuple[LivePolicy, ...]:
        """The policies that decided."""
        found: dict[LivePolicy, None] = {}
        for _, decision in self.shown if self.is_open else self.shown[-1:]:
            found.update((policy, None) for policy in decision.by if not policy.is_for_waypoint)
        return tuple(found)


def _judge(path: RequestPath) -> tuple[Verdict, Verdict]:
    return _evaluate(path, audit=False).verdict, _evaluate(path, audit=True).verdict


def _evaluate(path: RequestPath, *, audit: bool) -> Evaluation:
    return Evaluation(tuple(tuple(_follow(each, audit=audit)) for each in path.to_pods))


def _follow(to_pod: PathToPod, *, audit: bool) -> Iterator[_Decided]:
    for point in to_pod:
        policies = [policy for policy in point.policies if not _has_no_effect(policy, audit=audit)]
        decision = decide(policies, point.request)
        yield point, decision
        if not decision.allowed:
            return


def _has_no_effect(policy: LivePolicy, *, audit: bool) -> bool:
    """Return whether a policy has no effect now, or with `audit`, if those in audit mode were enforced."""
    return policy.is_for_audit if audit else policy.dry_run


def _is_open(to_pod: Sequence[_Decided]) -> bool:
    return all(decision.allowed for _, decision in to_pod)


def _why(evaluation: Evaluation, path: RequestPath, question: Question) -> str:
    if evaluation.is_open:
        return _why_allowed(evaluation.policies, path, question)
    point, decision = evaluation.shown[-1]
    if decision.by:
        return f"{_names(decision.by)} {_plural('denies', 'deny', decision.by)} it at {point.name}"
    outside = "" if path.source_in_mesh else ", and the source is outside the mesh, where it has no identity"
    closed_by = [policy for policy in decision.closed_by if not policy.is_for_waypoint]
    if not closed_by:
        return f"no policy allows it at {point.name}, which is open only to its waypoint{outside}"
    closing = [policy for policy in closed_by if not policy.spec.get("rules")]
    if len(closing) == len(closed_by):
        hardening = f"{_names(closing)} {_plural('denies', 'deny', closing)} what no policy allows"
        return f"no policy allows anything at {point.name}{outside}, and {hardening}"
    others = len(closed_by) - len(closing)
    number = "1 policy allows" if others == 1 else f"{others} policies allow"
    return f"no policy allows it at {point.name}, where {number} other requests{outside}"


def _why_allowed(policies: Sequence[LivePolicy], path: RequestPath, question: Question) -> str:
    if policies:
        what = "it"
        if path.passes_waypoint and None in (question.method, question.path):
            requests: list[str] = []
            for policy in policies:
                requests += describe_requests(policy.spec)
            what = joined(list(dict.fromkeys(requests)))
        return f"{_names(policies)} {_plural('allows', 'allow', policies)} {what}"
    if path.is_from_node:
        return "a pod's own node reaches it past all policies: so do the kubelet and pods with hostNetwork"
    if not any(pod.in_mesh for pod in path.pods) and not path.passes_waypoint:
        pods = joined([f"pod {pod.namespace}/{pod.name}" for pod in path.pods])
        return f"{pods} is outside the mesh, where nothing is enforced"
    return "no policy restricts the target, and the mesh is not hardened"


def _steps(evaluation: Evaluation) -> Iterator[PathStep]:
    for point, decision in evaluation.shown:
        if decision.by and decision.allowed:
            by_name = [policy for policy in decision.by if not policy.is_for_waypoint]
            allowed = f"{_names(by_name)} {_plural('allows', 'allow', by_name)} it" if by_name else ""
            yield PathStep(point.name, allowed or "open to its waypoint")
        elif decision.by:
            yield PathStep(point.name, f"{_names(decision.by)} {_plural('denies', 'deny', decision.by)} it")
        else:
            yield PathStep(point.name, "open" if decision.allowed else "denied: no policy allows it")


def _notes(path: RequestPath, evaluation: Evaluation) -> Iterator[str]:
    denying = [
        pod.name for pod, each in zip(path.pods, evaluation.to_pods, strict=True) if not _is_open(each)
    ]
    if evaluation.is_open and denying:
        yield f"denied at some of the pods: {joined(denying)}"
    if path.is_from_node:
        return
    if not path.source_in_mesh:
        yield "the source is outside the mesh: it bypasses the waypoint, and has no identity"
    elif path.service and not path.service.waypoint:
        yield (
            f"Service {path.service.namespace}/{path.service.name} has no waypoint: "
            "requests go straight to the pods, where methods and paths are not seen"
        )
    if not path.passes_waypoint and any(pod.in_mesh for pod in path.pods):
        yield "only the port was checked: at pods, the mesh sees no methods and paths"


def _remarked(path: RequestPath, remarks: Mapping[str, str]) -> Iterator[str]:
    alike: defaultdict[str, list[LivePolicy]] = defaultdict(list)
    for policy in path.policies:
        if remark := remarks.get(str(policy)):
            alike[remark].append(policy)
    for remark, policies in alike.items():
        yield f"{_names(policies)}: {remark}"


def _relations(policies: Sequence[LivePolicy], view: View) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for policy in policies:
        found.update(dict.fromkeys(view.relations_behind(policy) or sorted(policy.requested_by)))
    return tuple(found)


def _names(policies: Sequence[LivePolicy]) -> str:
    names = [str(policy) for policy in policies[:_MOST_NAMES]]
    if more := len(policies) - len(names):
        names.append(f"{more} more")
    return f"{_plural('policy', 'policies', policies)} {joined(names)}"


def _plural(one: str, several: str, things: Sequence[object]) -> str:
    return one if len(things) == 1 else several
