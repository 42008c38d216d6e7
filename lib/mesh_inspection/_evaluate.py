"""Decisions of AuthorizationPolicies on a request, at one point that enforces them.

https://istio.io/latest/docs/reference/config/security/authorization-policy/
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from k8s_charm import Json, sublist, subtree

from ._cluster import LivePolicy

Field: TypeAlias = Literal["source", "port", "method", "path", "host", "http", "condition"]
"""Attributes of a request that a rule may restrict; `http` where a rule is about HTTP and only TCP is seen,
`condition` where only the mesh itself can decide."""

_HTTP_OPERATIONS = ("hosts", "notHosts", "methods", "notMethods", "paths", "notPaths")
_HTTP_SOURCES = ("requestPrincipals", "notRequestPrincipals", "remoteIpBlocks", "notRemoteIpBlocks")
_KNOWN_SOURCES = ("principals", "notPrincipals", "namespaces", "notNamespaces")

# Envoy's normalisation of paths, which Istio has on unless a mesh's `pathNormalization` turns it off.
# https://istio.io/latest/docs/ops/best-practices/security/#understand-path-normalization-in-authorization-policies
_PARAMETERS_OF_DOTS = re.compile(r"(?<=/)(\.\.?);[^/]*")
_NEEDLESS_ESCAPE = re.compile(r"%(2[DE]|3[0-9]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])", re.IGNORECASE)
_IN_NEED_OF_ESCAPE = re.compile(r'["<>^`{|}]')

# The characters of one segment of a path that Envoy's templates match.
_SEGMENT = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.~%!$&'()*+,;:@=-")
_TEMPLATE_PARTS = re.compile(r"(?:\{\*\*\})+|\{\*\}|.", re.DOTALL)


@dataclass(frozen=True)
class Http:
    """The part of a request that a waypoint sees; None is any."""

    method: str | None
    path: str | None
    host: str


@dataclass(frozen=True)
class Request:
    """A request as it arrives at a point that enforces policies."""

    principal: str | None
    """The sender's identity; None: it has none."""
    port: int
    http: Http | None
    """None where only TCP is seen."""


@dataclass(frozen=True)
class Decision:
    """The outcome of a request at one point."""

    allowed: bool
    by: tuple[LivePolicy, ...] = ()
    """The policies that allow it, or that deny it."""
    closed_by: tuple[LivePolicy, ...] = ()
    """All ALLOW policies: where there is one, what none of them allows is denied."""


def decide(policies: Iterable[LivePolicy], request: Request) -> Decision:
    """Return the decision of these policies together on a request."""
    enforced = list(policies)
    denying = [policy for policy in enforced if _action(policy) == "DENY"]
    allowing = [policy for policy in enforced if _action(policy) == "ALLOW"]
    if deniers := tuple(policy for policy in denying if frozenset() in differences(policy, request)):
        return Decision(False, deniers)
    openers = tuple(policy for policy in allowing if frozenset() in differences(policy, request))
    return Decision(bool(openers) or not allowing, openers, tuple(allowing))


def allows(policy: LivePolicy) -> bool:
    """Return whether a policy is one that allows requests."""
    return _action(policy) == "ALLOW"


def ports_of(policy: LivePolicy) -> set[int]:
    """Return the ports that a policy names."""
    ports: list[str] = []
    for rule in sublist(policy.spec, "rules"):
        for each in sublist(rule, "to"):
            ports += subtree(each, "operation").get("ports") or ()
    return {int(port) for port in ports if port.isdecimal()}


def differences(policy: LivePolicy, request: Request) -> Iterator[frozenset[Field]]:
    """Yield the differences between a request and each alternative of a policy's rules; empty for a match.

    A condition that only the mesh can evaluate counts against the request: it never allows, always denies.
    """
    opens = allows(policy)
    for rule in sublist(policy.spec, "rules"):
        unknown: set[Field] = {"condition"} if opens and rule.get("when") else set()
        origins = [subtree(each, "source") for each in sublist(rule, "from")] or [Json()]
        operations = [subtree(each, "operation") for each in sublist(rule, "to")] or [Json()]
        about_http = _has_any(origins, _HTTP_SOURCES) or _has_any(operations, _HTTP_OPERATIONS)
        if opens and request.http is None and about_http:
            unknown.add("http")
        for origin in origins:
            by_source = _source_differences(origin, request.principal, opens=opens)
            for operation in operations:
                found = unknown | by_source | _operation_differences(operation, request, opens=opens)
                yield frozenset(found)


def _has_any(sections: Iterable[Json], fields: Collection[str]) -> bool:
    return any(any(map(section.get, fields)) for section in sections)


def _action(policy: LivePolicy) -> str:
    return policy.spec.get("action") or "ALLOW"


def _source_differences(source: Json, identity: str | None, *, opens: bool) -> set[Field]:
    found: set[Field] = set()
    namespace = identity and identity.split("/")[2]
    for field, known in (("principals", identity), ("namespaces", namespace)):
        if not _fits(source, field, lambda each, known=known: known is not None and matches(each, known)):
            found.add("source")
    if opens and any(value for field, value in source.items() if field not in _KNOWN_SOURCES):
        found.add("condition")
    return found


def _operation_differences(operation: Json, request: Request, *, opens: bool) -> set[Field]:
    found: set[Field] = set()
    if not _fits(operation, "ports", lambda each: each == str(request.port)):
        found.add("port")
    if request.http is None:
        return found
    http = request.http
    if not _fits_or_may(operation, "methods", http.method, matches, opens=opens):
        found.add("method")
    if not _fits_or_may(operation, "paths", http.path, path_matches, opens=opens):
        found.add("path")
    if not _fits(operation, "hosts", lambda each: _host_matches(each, http.host)):
        found.add("host")
    return found


def _fits(section: Json, field: str, is_meant: Callable[[str], bool]) -> bool:
    """Return whether a field and its negated form are both satisfied."""
    wanted: Sequence[str] = section.get(field) or ()
    unwanted: Sequence[str] = section.get(_negated(field)) or ()
    return (not wanted or any(map(is_meant, wanted))) and not any(map(is_meant, unwanted))


def _fits_or_may(
    section: Json, field: str, requested: str | None, is_meant: Callable[[str, str], bool], *, opens: bool
) -> bool:
    """Check a field as `_fits` does; an open question fits if some request is allowed, or all are denied."""
    if requested is not None:
        return _fits(section, field, lambda each: is_meant(each, requested))
    return opens or not (section.get(field) or section.get(_negated(field)))


def _negated(field: str) -> str:
    return f"not{field[0].upper()}{field[1:]}"


def matches(pattern: str, text: str) -> bool:
    """Match a text with one of Istio's strings: exact, with `*` at one end, or `*` for any."""
    if pattern == "*":
        return bool(text)
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    if pattern.startswith("*"):
        return text.endswith(pattern[1:])
    return text == pattern


@lru_cache(maxsize=10_000)  # a question is asked of each policy several times
def path_matches(pattern: str, path: str) -> bool:
    """Match a path with one of Istio's, which may have the templates `{*}` and `{**}` in it."""
    normal = normalised(path)
    return _template_matches(pattern, normal) if "{" in pattern else matches(pattern, normal)


def _template_matches(pattern: str, path: str) -> bool:
    """Match a path with a template, in time that grows with their lengths and with nothing else.

    All positions in the template that a part of the path can lead to are followed at once, as the bits of one
    number: bit 0 is the beginning, and each part of the template leads from one bit to the next, or stays.
    """
    if not (path.startswith(pattern.partition("{")[0]) and path.endswith(pattern.rpartition("}")[2])):
        return False
    takes: defaultdict[str, int] = defaultdict(int)
    in_segment = anywhere = stays = 0
    end = 1
    for part in _parts(pattern):
        if part == "{**}":
            anywhere |= end
            stays |= end
        elif part == "{*}":
            in_segment |= end
            stays |= end
        elif part == "{.}":
            in_segment |= end
        else:
            takes[part] |= end
        end <<= 1
    places = 1 | (1 & stays) << 1
    for character in path:
        taken = takes.get(character, 0)
        if character in _SEGMENT:
            taken |= in_segment | anywhere
        elif character == "/":
            taken |= anywhere
        taking = places & taken
        places = (taking & ~stays) << 1 | taking & stays
        places |= (places & stays) << 1
        if not places:
            return False
    return bool(places & end)


def _parts(pattern: str) -> Iterator[str]:
    """Split a template into characters, `{.}` for one character of a segment, and repeatable parts.

    Of two repeatable parts in a row, the second matches all that the first would, so the first is omitted.
    """
    for found in _TEMPLATE_PARTS.finditer(pattern):
        if found[0] == "{*}":
            yield "{.}"
            if not pattern.startswith("{**}", found.end()):
                yield "{*}"
        else:
            yield "{**}" if found[0].startswith("{**}") else found[0]


@lru_cache(maxsize=10)
def normalised(path: str) -> str:
    """Return a path without its query, in its normal form. Several slashes in a row stay several."""
    plain = path.partition("?")[0].replace("\\", "/")
    plain = _PARAMETERS_OF_DOTS.sub(r"\1", plain)
    plain = _NEEDLESS_ESCAPE.sub(lambda found: chr(int(found[1], 16)), plain)
    plain = _IN_NEED_OF_ESCAPE.sub(lambda found: f"%{ord(found[0]):X}", plain)
    return _without_dots(plain)


def _without_dots(path: str) -> str:
    segments: list[str] = []
    *parents, last = path.removeprefix("/").split("/")
    for segment in parents:
        if segment == "..":
            del segments[-1:]
        elif segment != ".":
            segments.append(segment)
    if last == "..":
        del segments[-1:]
    return "/".join(["", *segments, "" if last in (".", "..") else last])


def _host_matches(pattern: str, host: str) -> bool:
    requested, wanted = host.lower(), pattern.lower()
    return matches(wanted, requested) or matches(wanted, requested.partition(":")[0])
