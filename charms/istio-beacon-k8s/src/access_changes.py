"""Changes of access in words: the requests that are allowed, and no longer allowed."""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from charmlibs.interfaces.service_mesh import is_cross_model_name
from istio_policies import DRY_RUN, describe_sources, describe_targets, is_for_audit, joined
from k8s_charm import Json, Resource, annotations, manifest, metadata, reference, sublist, subtree
from relation_data import one_line

logger = logging.getLogger(__name__)

_MOST_LINES = 20
_MOST_NAMES = 10
_LONGEST_LINE = 900
_AUDIT = "audit: "
_UNRESOLVED = "an application of another model with unknown identity"


class AccessGrant(NamedTuple):
    """A target, and a source whose requests are allowed there."""

    target: str
    source: str


class _Terms(NamedTuple):
    """The requests that are allowed."""

    rules: list[Json]
    is_audit: bool
    """True if requests are only logged."""


class _Sentences(NamedTuple):
    """The sentences for each change; `{0}` is the target or a number of policies, and `{1}` the sources."""

    allowed: str
    revoked: str
    is_open: str
    """No policy is left on the target."""
    changed: str
    one_policy: str
    """The beginning of a sentence on the audit mode of one policy."""
    policies: str
    """The same for several."""
    enters_audit: str
    leaves_audit: str

    def counted(self, number: int) -> str:
        """Return the beginning of a sentence about this number of policies."""
        return (self.one_policy if number == 1 else self.policies).format(number)


_OPEN = "open to all, unless the mesh is hardened or other policies restrict it: the last policy here"
_IT_DOES = _Sentences(
    "allowed {1} -> {0}",
    "no longer allowed {1} -> {0}",
    f"{{0}} is {_OPEN} allowed {{1}}",
    "changed allowed requests {1} -> {0}",
    "1 policy is",
    "{0} policies are",
    "in audit mode now: logged, not enforced",
    "enforced now, no longer in audit mode",
)
_IT_WOULD = _Sentences(
    "would allow {1} -> {0}",
    "would no longer allow {1} -> {0}",
    f"{{0}} would be {_OPEN} allows {{1}}",
    "would change allowed requests {1} -> {0}",
    "1 policy would be",
    "{0} policies would be",
    "in audit mode: logged, not enforced",
    "enforced, no longer in audit mode",
)


def describe(before: Collection[Resource], after: Collection[Resource], *, done: bool = True) -> list[str]:
    """Return the changes of access between two sets of AuthorizationPolicies, a line or two for each target.

    They are in the past tense if the change is `done`, and in the conditional if it is planned.
    """
    sentences = _IT_DOES if done else _IT_WOULD
    # What goes with audit mode is in the line about the mode.
    before, after = (
        [policy for policy in policies if not is_for_audit(policy)] for policies in (before, after)
    )
    old, new = _grants(before), _grants(after)
    targets = {grant.target for grant in new}
    gone = {grant: terms for grant, terms in old.items() if grant not in new}
    opened = {grant: terms for grant, terms in gone.items() if grant.target not in targets}
    # An unresolved source was never allowed; when its identity is known, no access ends.
    known = {grant: terms for grant, terms in gone.items() if grant.source != _UNRESOLVED}
    revoked = {grant: terms for grant, terms in known.items() if grant not in opened}
    kept = {grant: terms for grant, terms in new.items() if grant in old}
    changed = {grant: terms for grant, terms in kept.items() if terms.rules != old[grant].rules}
    return [
        *_switched(sentences, before, after),
        *_lines(sentences.allowed, {grant: terms for grant, terms in new.items() if grant not in old}),
        *_lines(sentences.revoked, revoked),
        *_lines(sentences.is_open, opened),
        *_lines(sentences.changed, changed),
    ]


def log(lines: Collection[str]) -> None:
    """Log changes; of very many, only the first ones."""
    for line in list(lines)[:_MOST_LINES]:
        logger.info("%s", one_line(line, longest=_LONGEST_LINE))
    if len(lines) > _MOST_LINES:
        logger.info("… and %d more", len(lines) - _MOST_LINES)


def _switched(sentences: _Sentences, before: Iterable[Resource], after: Iterable[Resource]) -> Iterator[str]:
    """Count the policies that enter or leave audit mode: there may be thousands."""
    was, is_now = ({reference(each): _is_audited(each) for each in side} for side in (before, after))
    there = was.keys() & is_now.keys()
    if to_audit := sum(is_now[name] and not was[name] for name in there):
        yield f"{sentences.counted(to_audit)} {sentences.enters_audit}"
    if from_audit := sum(was[name] and not is_now[name] for name in there):
        yield f"{sentences.counted(from_audit)} {sentences.leaves_audit}"


def _lines(sentence: str, grants: dict[AccessGrant, _Terms]) -> Iterator[str]:
    sources: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for (target, source), terms in sorted(grants.items(), key=lambda each: each[0]):
        sources[_AUDIT if terms.is_audit else "", target].append(source)
    for (mark, target), names in sources.items():
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        yield mark + sentence.format(target, ", ".join(names[:_MOST_NAMES]) + more)


def _grants(policies: Iterable[Resource]) -> dict[AccessGrant, _Terms]:
    rules: defaultdict[AccessGrant, list[Json]] = defaultdict(list)
    is_audit: defaultdict[AccessGrant, bool] = defaultdict(lambda: True)
    for policy in policies:
        spec = subtree(manifest(policy), "spec")
        target = joined(describe_targets(metadata(policy)["namespace"], spec))
        for rule in sublist(spec, "rules"):
            for source in map(_resolved, describe_sources({"rules": [rule]})):
                grant = AccessGrant(target, source)
                rules[grant].append({**rule, "from": None})
                is_audit[grant] &= _is_audited(policy)
    return {grant: _Terms(sorted(found, key=str), is_audit[grant]) for grant, found in rules.items()}


def _is_audited(policy: Resource) -> bool:
    return annotations(policy).get(DRY_RUN) == "true"


def _resolved(source: str) -> str:
    return _UNRESOLVED if is_cross_model_name(source.rpartition("/")[2]) else source
