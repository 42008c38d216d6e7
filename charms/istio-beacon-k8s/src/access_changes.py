"""Changes of access in words: the requests that are allowed, and no longer allowed."""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from charmlibs.interfaces.service_mesh import is_of_another_model
from istio_policies import APPLICATION_LABEL, DRY_RUN
from k8s_charm import Json, manifest, one_line

if TYPE_CHECKING:
    from k8s_charm import Resource

logger = logging.getLogger(__name__)

_MOST_LINES = 20
_MOST_NAMES = 10
_LONGEST_LINE = 900
_ON_TRIAL = "on trial: "
_STRANGER = "an application of another model, once it says who it is"


class Door(NamedTuple):
    """Where somebody may go in."""

    target: str
    source: str


class Behind(NamedTuple):
    """What may be done behind a door."""

    rules: list[Json]
    on_trial: bool
    """Whether it is only recorded who may."""


class _Sentences(NamedTuple):
    """How it is told what somebody does; `{0}` is the target, and `{1}` who."""

    lets_in: str
    shuts_out: str
    is_unguarded: str
    """Whether somebody may enter is no longer decided here."""
    lets_in_otherwise: str
    goes_on_trial: tuple[str, str]
    """Of one policy, and of several."""
    comes_from_trial: tuple[str, str]


_IT_DOES = _Sentences(
    "{0} lets in {1}",
    "{0} no longer lets in {1}",
    "{0} is open to everybody, unless the mesh is hardened or others guard it: "
    "its last policy here was for {1}",
    "{0} lets in, for other requests than before, {1}",
    (
        "1 policy is only on trial from now on, and holds no more",
        "{0} policies are only on trial from now on, and hold no more",
    ),
    (
        "1 policy holds from now on, and is no longer only on trial",
        "{0} policies hold from now on, and are no longer only on trial",
    ),
)
_IT_WOULD = _Sentences(
    "{0} would let in {1}",
    "{0} would no longer let in {1}",
    "{0} would be open to everybody, unless the mesh is hardened or others guard it: "
    "its last policy here is for {1}",
    "{0} would let in, for other requests than now, {1}",
    (
        "1 policy would only be on trial from then on, and hold no more",
        "{0} policies would only be on trial from then on, and hold no more",
    ),
    (
        "1 policy would hold from then on, and no longer be only on trial",
        "{0} policies would hold from then on, and no longer be only on trial",
    ),
)


def describe(
    before: "Collection[Resource]", after: "Collection[Resource]", *, done: bool = True
) -> list[str]:
    """Say in words what differs from some AuthorizationPolicies to others, in a line or two a target.

    Args:
        before: those that there were.
        after: those that there are.
        done: False if the latter are only what there would be.
    """
    told = _IT_DOES if done else _IT_WOULD
    old, new = _doors(before), _doors(after)
    guarded = {door.target for door in new}
    gone = {door: behind for door, behind in old.items() if door not in new}
    return [
        *_switched(told, before, after),
        *_lines(told.lets_in, {door: behind for door, behind in new.items() if door not in old}),
        # Nobody was let in as somebody of another model; when it is known who that is, nobody is shut out.
        *_lines(told.shuts_out, _only(gone, guarded, but=_STRANGER)),
        *_lines(told.is_unguarded, _only(gone, guarded, inside=False)),
        *_lines(
            told.lets_in_otherwise,
            {door: behind for door, behind in new.items() if door in old and behind.rules != old[door].rules},
        ),
    ]


def log(lines: Collection[str]) -> None:
    """Log what changed; of very much, only the first of it."""
    for line in list(lines)[:_MOST_LINES]:
        logger.info("%s", one_line(line, longest=_LONGEST_LINE))
    if len(lines) > _MOST_LINES:
        logger.info("… and so on for %d more", len(lines) - _MOST_LINES)


def _switched(told: _Sentences, before: "Iterable[Resource]", after: "Iterable[Resource]") -> Iterator[str]:
    """Tell of policies that go on trial, or come from it, as one: there may be thousands."""
    was, is_now = (
        {_name(each): _is_on_trial(each) for each in map(manifest, side)} for side in (before, after)
    )
    there = was.keys() & is_now.keys()
    if to_trial := sum(is_now[name] and not was[name] for name in there):
        yield told.goes_on_trial[to_trial > 1].format(to_trial)
    if from_trial := sum(was[name] and not is_now[name] for name in there):
        yield told.comes_from_trial[from_trial > 1].format(from_trial)


def _lines(sentence: str, doors: "dict[Door, Behind]") -> Iterator[str]:
    sources: defaultdict[str, list[str]] = defaultdict(list)
    for (target, source), behind in sorted(doors.items(), key=lambda each: each[0]):
        sources[f"{_ON_TRIAL if behind.on_trial else ''}{target}"].append(source)
    for target, names in sources.items():
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        yield sentence.format(target, ", ".join(names[:_MOST_NAMES]) + more)


def _only(
    doors: "dict[Door, Behind]", targets: Collection[str], *, inside: bool = True, but: str = ""
) -> "dict[Door, Behind]":
    return {
        door: behind
        for door, behind in doors.items()
        if (door.target in targets) is inside and door.source != but
    }


def _doors(policies: "Iterable[Resource]") -> dict[Door, Behind]:
    rules: defaultdict[Door, list[Json]] = defaultdict(list)
    on_trial: defaultdict[Door, bool] = defaultdict(lambda: True)
    for policy in map(manifest, policies):
        target = _target(policy)
        for rule in policy.get("spec", {}).get("rules") or ():
            for source in _sources(rule):
                door = Door(target, source)
                rules[door].append({**rule, "from": None})
                on_trial[door] &= _is_on_trial(policy)
    return {door: Behind(sorted(found, key=str), on_trial[door]) for door, found in rules.items()}


def _name(policy: Json) -> tuple[str, str]:
    return policy["metadata"]["namespace"], policy["metadata"]["name"]


def _is_on_trial(policy: Json) -> bool:
    annotations: dict[str, str] = policy["metadata"].get("annotations") or {}
    return annotations.get(DRY_RUN) == "true"


def _target(policy: Json) -> str:
    namespace = policy["metadata"]["namespace"]
    spec: Json = policy.get("spec", {})
    for reference in spec.get("targetRefs") or ():
        return f"Service {namespace}/{reference['name']}"
    selector: Json = spec.get("selector") or {}
    labels: dict[str, str] = selector.get("matchLabels") or {}
    if labels.keys() == {APPLICATION_LABEL}:
        return f"each unit of {namespace}/{labels[APPLICATION_LABEL]}"
    which = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    return f"each pod in {namespace} with {which}"


def _sources(rule: Json) -> Iterator[str]:
    origins: list[Json] = rule.get("from") or [{}]
    for origin in origins:
        principals: list[str] = origin.get("source", {}).get("principals") or ["everybody"]
        for principal in principals:
            source = principal.removeprefix("cluster.local/ns/").replace("/sa/", "/")
            yield _STRANGER if is_of_another_model(source.rpartition("/")[2]) else source
