"""Changes of access in words: the requests that are allowed, and no longer allowed."""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from charmlibs.interfaces.service_mesh import is_of_another_model
from istio_policies import DRY_RUN, describe_sources, describe_targets, is_for_audit, joined
from k8s_charm import Json, manifest
from relation_data import one_line

if TYPE_CHECKING:
    from k8s_charm import Resource

logger = logging.getLogger(__name__)

_MOST_LINES = 20
_MOST_NAMES = 10
_LONGEST_LINE = 900
_ON_TRIAL = "on trial: "
_UNRESOLVED = "an application of another model, once it says who it is"


class AccessGrant(NamedTuple):
    """A target, and a source whose requests are allowed there."""

    target: str
    source: str


class _Terms(NamedTuple):
    """The requests that are allowed."""

    rules: list[Json]
    on_trial: bool
    """True if requests are only logged."""


class _Sentences(NamedTuple):
    """The sentences for each change; `{0}` is the target, and `{1}` the sources."""

    lets_in: str
    shuts_out: str
    is_unguarded: str
    """No policy is left here that guards the target."""
    lets_in_otherwise: str
    goes_on_trial: tuple[str, str]
    """For one policy, and for several."""
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
    """Return the differences between AuthorizationPolicies in words, in a line or two a target.

    Args:
        before: the policies before the change.
        after: the policies after it.
        done: whether the change has been made, rather than planned.
    """
    sentences = _IT_DOES if done else _IT_WOULD
    # What goes with audit mode is in the line about the mode.
    before, after = (
        [policy for policy in policies if not is_for_audit(policy)] for policies in (before, after)
    )
    old, new = _grants(before), _grants(after)
    guarded = {grant.target for grant in new}
    gone = {grant: terms for grant, terms in old.items() if grant not in new}
    return [
        *_switched(sentences, before, after),
        *_lines(sentences.lets_in, {grant: terms for grant, terms in new.items() if grant not in old}),
        # An unresolved source was never allowed; when its identity is known, no access ends.
        *_lines(sentences.shuts_out, _only(gone, guarded, but=_UNRESOLVED)),
        *_lines(sentences.is_unguarded, _only(gone, guarded, inside=False)),
        *_lines(
            sentences.lets_in_otherwise,
            {
                grant: terms
                for grant, terms in new.items()
                if grant in old and terms.rules != old[grant].rules
            },
        ),
    ]


def log(lines: Collection[str]) -> None:
    """Log changes; of very many, only the first ones."""
    for line in list(lines)[:_MOST_LINES]:
        logger.info("%s", one_line(line, longest=_LONGEST_LINE))
    if len(lines) > _MOST_LINES:
        logger.info("… and so on for %d more", len(lines) - _MOST_LINES)


def _switched(
    sentences: _Sentences, before: "Iterable[Resource]", after: "Iterable[Resource]"
) -> Iterator[str]:
    """Count the policies that enter or leave audit mode: there may be thousands."""
    was, is_now = (
        {_name(each): _is_on_trial(each) for each in map(manifest, side)} for side in (before, after)
    )
    there = was.keys() & is_now.keys()
    if to_trial := sum(is_now[name] and not was[name] for name in there):
        yield sentences.goes_on_trial[to_trial > 1].format(to_trial)
    if from_trial := sum(was[name] and not is_now[name] for name in there):
        yield sentences.comes_from_trial[from_trial > 1].format(from_trial)


def _lines(sentence: str, grants: "dict[AccessGrant, _Terms]") -> Iterator[str]:
    sources: defaultdict[str, list[str]] = defaultdict(list)
    for (target, source), terms in sorted(grants.items(), key=lambda each: each[0]):
        sources[f"{_ON_TRIAL if terms.on_trial else ''}{target}"].append(source)
    for target, names in sources.items():
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        yield sentence.format(target, ", ".join(names[:_MOST_NAMES]) + more)


def _only(
    grants: "dict[AccessGrant, _Terms]", targets: Collection[str], *, inside: bool = True, but: str = ""
) -> "dict[AccessGrant, _Terms]":
    return {
        grant: terms
        for grant, terms in grants.items()
        if (grant.target in targets) is inside and grant.source != but
    }


def _grants(policies: "Iterable[Resource]") -> dict[AccessGrant, _Terms]:
    rules: defaultdict[AccessGrant, list[Json]] = defaultdict(list)
    on_trial: defaultdict[AccessGrant, bool] = defaultdict(lambda: True)
    for policy in map(manifest, policies):
        spec: Json = policy.get("spec", {})
        target = joined(describe_targets(policy["metadata"]["namespace"], spec))
        for rule in spec.get("rules") or ():
            for source in map(_resolved, describe_sources({"rules": [rule]})):
                grant = AccessGrant(target, source)
                rules[grant].append({**rule, "from": None})
                on_trial[grant] &= _is_on_trial(policy)
    return {grant: _Terms(sorted(found, key=str), on_trial[grant]) for grant, found in rules.items()}


def _name(policy: Json) -> tuple[str, str]:
    return policy["metadata"]["namespace"], policy["metadata"]["name"]


def _is_on_trial(policy: Json) -> bool:
    annotations: dict[str, str] = policy["metadata"].get("annotations") or {}
    return annotations.get(DRY_RUN) == "true"


def _resolved(source: str) -> str:
    return _UNRESOLVED if is_of_another_model(source.rpartition("/")[2]) else source
