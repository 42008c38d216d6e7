"""Names of AuthorizationPolicies: readable, and the same whatever the policy allows."""

import hashlib
import json
import re
from collections.abc import Iterator
from itertools import count

from k8s_charm import Owner

from ._rules import APPLICATION_LABEL, Pair

_PART = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NOT_IN_A_PART = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME = 128
_LONGEST_CUT_PART = 16
_HASH_LENGTH = 12


def policy_name(owner: Owner, pair: Pair) -> str:
    """Return the name of a pair's first AuthorizationPolicy.

    Its parts are separated by dots, which names in Juju don't contain: whose it is, what is reached, and
    who may. A part that Kubernetes would not take, or that would make the name uncomfortably long, is cut,
    and the name then ends with a hash of all that it stands for, so that no two names meet.
    """
    target, target_type, exact = pair.service, "app", True
    if not pair.service:
        values = dict(pair.pods)
        target, target_type = values.get(APPLICATION_LABEL, "-".join(values.values())), "unit"
        exact = values.keys() == {APPLICATION_LABEL}
    parts = [owner.model, owner.app, target, target_type, "from", pair.source_namespace, pair.source_app]
    name = ".".join(parts)
    if exact and len(name) <= _LONGEST_NAME and all(_PART.fullmatch(part) for part in parts):
        return name
    identity = json.dumps([owner.model, owner.app, pair])
    digest = hashlib.sha256(identity.encode()).hexdigest()[:_HASH_LENGTH]
    return ".".join([*(_cut(part) for part in parts), f"x{digest}"])


def names(first: str) -> Iterator[str]:
    """Return the names of all AuthorizationPolicies of a pair, without an end."""
    yield first
    for number in count(2):
        yield f"{first}.{number}"


def first_name(name: str) -> str:
    """Return the name of the first AuthorizationPolicy of the pair that a name is of."""
    first, _, number = name.rpartition(".")
    return first if number.isdecimal() and first.count(".") >= 6 else name


def _cut(part: str) -> str:
    return _NOT_IN_A_PART.sub("-", part.lower())[:_LONGEST_CUT_PART].strip("-") or "x"
