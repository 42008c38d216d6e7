"""Names of AuthorizationPolicies: readable, and independent of the allowed requests."""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Set
from itertools import count
from operator import itemgetter

from k8s_charm import Owner, Resource, manifest, subtree

from ._rules import APPLICATION_LABEL, PolicyKey, PolicyRule, rule_of_spec, spec

_PART = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NOT_IN_A_PART = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME = 128
_LONGEST_CUT_PART = 16
_HASH_LENGTH = 12


def policy_name(owner: Owner, key: PolicyKey) -> str:
    """Return the name of the first AuthorizationPolicy of a key.

    Its parts are the owner, the target and the source, separated by dots, which names in Juju do not contain.
    A part that Kubernetes does not allow, or that makes the name too long, is cut, and the name then ends
    with a hash of all parts, so that no two names are equal.
    """
    if key.callers:
        return _name(owner, key, "from", "callers", key.callers.kind.value)
    return _name(owner, key, "from", key.source_namespace, key.source_app)


def audit_name(owner: Owner, key: PolicyKey) -> str:
    """Return the name of the AuthorizationPolicy that allows everything on the target of a key."""
    return _name(owner, key, "audit")


def _name(owner: Owner, key: PolicyKey, *ends: str) -> str:
    target, target_type, exact = key.service, "app", True
    if not key.service:
        values = dict(key.pods)
        target, target_type = values.get(APPLICATION_LABEL, "-".join(values.values())), "unit"
        exact = values.keys() == {APPLICATION_LABEL}
    parts = [owner.model, owner.app, target, target_type, *ends]
    name = ".".join(parts)
    # An application could have the same name as callers.
    exact = exact and not key.callers
    if exact and len(name) <= _LONGEST_NAME and all(_PART.fullmatch(part) for part in parts):
        return name
    identity = json.dumps([owner.model, owner.app, key])
    digest = hashlib.sha256(identity.encode()).hexdigest()[:_HASH_LENGTH]
    return ".".join([*(_cut(part) for part in parts), f"x{digest}"])


def _names(first: str) -> Iterator[str]:
    """Yield the names for AuthorizationPolicies of a key, without an end."""
    yield first
    for number in count(2):
        yield f"{first}.{number}"


def first_name(name: str) -> str:
    """Return the name of the first AuthorizationPolicy of the same key as this one."""
    first, _, number = name.rpartition(".")
    return first if number.isdecimal() and first.count(".") >= 6 else name


def assign_names(
    rules: Set[PolicyRule],
    live: Mapping[tuple[str, str], Resource],
    owner: Owner,
    reusable: Collection[tuple[str, str]],
) -> dict[PolicyRule, str]:
    """Return the name of the AuthorizationPolicy of each rule; it may be a reusable object's."""
    # Nearly all live objects are as desired, so most need not be parsed.
    written = {(rule.key.namespace, repr(spec(rule))): rule for rule in rules}
    allowed: dict[tuple[str, str], PolicyRule | None] = {}
    for place, resource in sorted(live.items(), key=itemgetter(0)):
        content = subtree(manifest(resource), "spec")
        allowed[place] = written.get((place[0], repr(content))) or rule_of_spec(place[0], content)
    assigned = _held_names(rules, allowed, owner)
    unnamed = sorted(rules - assigned.keys())

    own_names = {rule.key: policy_name(owner, rule.key) for rule in unnamed}
    keys = {(key.namespace, name): key for key, name in own_names.items()}
    used = {(rule.key.namespace, name) for rule, name in assigned.items()}
    spare: defaultdict[PolicyKey, list[str]] = defaultdict(list)
    for place, rule in allowed.items():
        namespace, name = place
        key = keys.get((namespace, first_name(name))) or (rule and rule.key)
        if key and place not in used and place in reusable:
            spare[key].append(name)

    used |= live.keys()
    for rule in unnamed:
        # Only one is overwritten, after all others exist, which may allow the same requests.
        if left := spare.pop(rule.key, None):
            assigned[rule] = left[0]
        else:
            free = (name for name in _names(own_names[rule.key]) if (rule.key.namespace, name) not in used)
            assigned[rule] = next(free)
            used.add((rule.key.namespace, assigned[rule]))
    return assigned


def _held_names(
    rules: Set[PolicyRule], allowed: Mapping[tuple[str, str], PolicyRule | None], owner: Owner
) -> dict[PolicyRule, str]:
    """Return the names of the desired rules that live objects already have."""
    holders: defaultdict[PolicyRule, list[str]] = defaultdict(list)
    for (_, name), rule in allowed.items():
        if rule and rule in rules:
            holders[rule].append(name)
    held: dict[PolicyRule, str] = {}
    for rule, names in holders.items():
        # Of several objects that allow the same, the one with the key's own name is kept.
        if len(names) > 1:
            own = policy_name(owner, rule.key)
            names.sort(key=lambda name: first_name(name) != own)
        held[rule] = names[0]
    return held


def _cut(part: str) -> str:
    return _NOT_IN_A_PART.sub("-", part.lower())[:_LONGEST_CUT_PART].strip("-") or "x"
