"""What AuthorizationPolicies mean to a request, at one place that enforces them.

https://istio.io/latest/docs/reference/config/security/authorization-policy/
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from k8s_charm import Json

from ._cluster import Policy
from ._paths import normalised

Field: TypeAlias = Literal["source", "port", "method", "path", "host", "http", "condition"]
"""What of a request a rule may be about; `http` where it is about HTTP and only TCP is seen, `condition`
where only the mesh itself can tell."""

_TRUST_DOMAIN = "cluster.local"
_HTTP_OPERATIONS = ("hosts", "notHosts", "methods", "notMethods", "paths", "notPaths")
_HTTP_SOURCES = ("requestPrincipals", "notRequestPrincipals", "remoteIpBlocks", "notRemoteIpBlocks")
_KNOWN_SOURCES = ("principals", "notPrincipals", "namespaces", "notNamespaces")
# The characters of a path that Envoy's templates take.
_SEGMENT = r"[\w.~%!$&'()*+,;:@=-]"


@dataclass(frozen=True)
class Http:
    """What a waypoint sees of a request; None is any."""

    method: str | None
    path: str | None
    host: str


@dataclass(frozen=True)
class Request:
    """A request as it comes to a place that enforces policies."""

    principal: str | None
    """The sender's identity; None: it has none."""
    port: int
    http: "Http | None"
    """None where only TCP is seen."""


@dataclass(frozen=True)
class Decision:
    """What becomes of a request at one place."""

    allowed: bool
    by: tuple[Policy, ...] = ()
    """The policies that let it in, or that deny it."""
    closed_by: tuple[Policy, ...] = ()
    """All policies that let somebody in: where there is one, what none of them allows is refused."""


def principal(namespace: str, account: str) -> str:
    """The identity of a service account, as policies name it."""
    return f"{_TRUST_DOMAIN}/ns/{namespace}/sa/{account}"


def decide(policies: Iterable[Policy], request: Request) -> Decision:
    """What these policies, taken together, do about a request."""
    enforced = list(policies)
    denying = [policy for policy in enforced if _action(policy) == "DENY"]
    allowing = [policy for policy in enforced if _action(policy) == "ALLOW"]
    if deniers := tuple(policy for policy in denying if frozenset() in differences(policy, request)):
        return Decision(False, deniers)
    openers = tuple(policy for policy in allowing if frozenset() in differences(policy, request))
    return Decision(bool(openers) or not allowing, openers, tuple(allowing))


def allows(policy: Policy) -> bool:
    """Whether a policy is one that lets requests in."""
    return _action(policy) == "ALLOW"


def ports_of(policy: Policy) -> set[int]:
    """The ports that a policy names."""
    operations = [
        _section(each, "operation")
        for rule in _sections(policy.spec, "rules")
        for each in _sections(rule, "to")
    ]
    ports: list[str] = [port for operation in operations for port in operation.get("ports") or ()]
    return {int(port) for port in ports if port.isdecimal()}


def differences(policy: Policy, request: Request) -> Iterator[frozenset[Field]]:
    """In what a request differs from each thing that a policy is about; an empty set where in nothing.

    What only the mesh can decide counts against the request: it opens no door, and denies.
    """
    opens = allows(policy)
    for rule in _sections(policy.spec, "rules"):
        unknown: set[Field] = {"condition"} if opens and rule.get("when") else set()
        origins = [_section(each, "source") for each in _sections(rule, "from")] or [Json()]
        operations = [_section(each, "operation") for each in _sections(rule, "to")] or [Json()]
        if opens and request.http is None and _is_about_http(origins, operations):
            unknown.add("http")
        for origin in origins:
            by_source = _source_differences(origin, request.principal, opens=opens)
            for operation in operations:
                found = unknown | by_source | _operation_differences(operation, request, opens=opens)
                yield frozenset(found)


def _is_about_http(origins: Iterable[Json], operations: Iterable[Json]) -> bool:
    """Whether, without HTTP, a rule can't be told to hold: it allows nothing, and denies without looking."""
    return any(
        section.get(field)
        for sections, fields in ((origins, _HTTP_SOURCES), (operations, _HTTP_OPERATIONS))
        for section in sections
        for field in fields
    )


def _action(policy: Policy) -> str:
    return policy.spec.get("action") or "ALLOW"


def _source_differences(source: Json, identity: str | None, *, opens: bool) -> set[Field]:
    found: set[Field] = set()
    if not _fits(source, "principals", lambda each: _is_principal(each, identity)):
        found.add("source")
    if not _fits(source, "namespaces", lambda each: _is_in_namespace(each, identity)):
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
    """Whether a field and the one that says the opposite are both satisfied."""
    wanted: Sequence[str] = section.get(field) or ()
    unwanted: Sequence[str] = section.get(_negated(field)) or ()
    return (not wanted or any(map(is_meant, wanted))) and not any(map(is_meant, unwanted))


def _fits_or_may(
    section: Json, field: str, asked: str | None, is_meant: Callable[[str, str], bool], *, opens: bool
) -> bool:
    """The same of what is asked; of anything, it is enough that some of it is let in, or all is denied."""
    if asked is not None:
        return _fits(section, field, lambda each: is_meant(each, asked))
    return opens or not (section.get(field) or section.get(_negated(field)))


def _negated(field: str) -> str:
    return f"not{field[0].upper()}{field[1:]}"


def _is_principal(pattern: str, identity: str | None) -> bool:
    return identity is not None and matches(pattern, identity)


def _is_in_namespace(pattern: str, identity: str | None) -> bool:
    return identity is not None and matches(pattern, identity.split("/")[2])


def matches(pattern: str, text: str) -> bool:
    """Whether a text is meant by one of Istio's strings: exact, with `*` at one end, or `*` for any."""
    if pattern == "*":
        return bool(text)
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    if pattern.startswith("*"):
        return text.endswith(pattern[1:])
    return text == pattern


def path_matches(pattern: str, path: str) -> bool:
    """Whether a path is meant by one of Istio's, which may have `{*}` and `{**}` in it."""
    plain = normalised(path)
    if "{" not in pattern:
        return matches(pattern, plain)
    expression = (
        re.escape(pattern).replace(r"\{\*\*\}", rf"(?:{_SEGMENT}|/)*").replace(r"\{\*\}", rf"{_SEGMENT}+")
    )
    return re.fullmatch(expression, plain, re.ASCII) is not None


def _host_matches(pattern: str, host: str) -> bool:
    asked, wanted = host.lower(), pattern.lower()
    return matches(wanted, asked) or matches(wanted, asked.partition(":")[0])


def _section(where: Json, field: str) -> Json:
    return where.get(field) or {}


def _sections(where: Json, field: str) -> list[Json]:
    return where.get(field) or []
