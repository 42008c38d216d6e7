"""AuthorizationPolicies: their enforcement points, and their meaning to Envoy.

The rules are those of Istio's ambient mode: ztunnel, at each pod, enforces policies by selector, and knows
identities and ports; a waypoint enforces policies that name it or the Service, and knows HTTP as well.
https://istio.io/latest/docs/reference/config/security/authorization-policy/
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from ._state import (
    ROOT_NAMESPACE,
    TRUST_DOMAIN,
    Account,
    Json,
    PodState,
    PolicyState,
    ServiceState,
    WaypointState,
)

_ANY: Json = {"any": True}
_HTTP_OPERATIONS = ("hosts", "notHosts", "methods", "notMethods", "paths", "notPaths")
_HTTP_SOURCES = ("remoteIpBlocks", "notRemoteIpBlocks", "requestPrincipals", "notRequestPrincipals")
_UNKNOWN_TO_US = ("ipBlocks", "notIpBlocks", *_HTTP_SOURCES)


def at_pod(policies: Iterable[PolicyState], pod: PodState) -> list[PolicyState]:
    """Return the policies that ztunnel enforces at a pod; istiod does not send it those in audit mode."""
    return [
        policy
        for policy in policies
        if not _target_refs(policy)
        and not policy.on_trial
        and policy.namespace in (pod.namespace, ROOT_NAMESPACE)
        and _match_labels(policy).items() <= pod.labels.items()
    ]


def at_waypoint(
    policies: Iterable[PolicyState], service: ServiceState, waypoint: WaypointState
) -> list[PolicyState]:
    """Return the policies that a waypoint checks traffic for a Service against, enforced or in audit mode."""
    targets = {
        ("Service", service.namespace, service.name),
        ("Gateway", waypoint.namespace, waypoint.name),
        ("GatewayClass", ROOT_NAMESPACE, "istio-waypoint"),
    }
    return [policy for policy in policies if not targets.isdisjoint(_targets(policy))]


def tcp_rbac(
    policies: Sequence[PolicyState], port: int, waypoint_accounts: Iterable[Account] = ()
) -> list[Json]:
    """Envoy's RBAC configurations for connections to a port of a pod; none if the pod is open.

    Args:
        policies: those that are enforced at the pod.
        port: the port of the connection.
        waypoint_accounts: the waypoints of the pod. istiod writes a policy that allows each of them, as
            it does if PILOT_AUTO_ALLOW_WAYPOINT_POLICY is on, and that closes the pod to others.
    """
    by_istiod = {
        f"istio_allow_waypoint_{account.namespace}_{account.name}": {
            "permissions": [_ANY],
            "principals": [_principal(account.principal)],
        }
        for account in waypoint_accounts
    }
    found = _rbac(policies, port, http=False)
    if by_istiod:
        if not found or found[-1]["action"] != "ALLOW":
            found.append({"action": "ALLOW", "policies": {}})
        found[-1]["policies"] |= by_istiod
    return found


def http_rbac(policies: Sequence[PolicyState], port: int) -> list[Json]:
    """Envoy's RBAC configurations for requests to a port of a Service; none if the Service is open."""
    return _rbac(policies, port, http=True)


def _rbac(policies: Sequence[PolicyState], port: int, *, http: bool) -> list[Json]:
    """Build the filters: denials are first; if any policy allows, everything that none allows is denied."""
    found: list[Json] = []
    for action in ("DENY", "ALLOW"):
        chosen = [policy for policy in policies if policy.spec.get("action", "ALLOW") == action]
        rules: dict[str, Json] = {}
        for policy in chosen:
            for number, rule in enumerate(_sections(policy.spec, "rules")):
                if compiled := _rule(rule, port, http=http, allow=action == "ALLOW"):
                    rules[f"{policy.namespace}/{policy.name}/{number}"] = compiled
        if rules or (chosen and action == "ALLOW"):
            found.append({"action": action, "policies": rules})
    return found


def _rule(rule: Json, port: int, *, http: bool, allow: bool) -> Json | None:
    """Return one rule; None if it cannot match on this port."""
    if rule.get("when"):
        return None if allow else {"permissions": [_ANY], "principals": [_ANY]}
    sources = [_section(each, "source") for each in _sections(rule, "from")]
    operations = [_section(each, "operation") for each in _sections(rule, "to")]
    if allow and not http and (_has(operations, _HTTP_OPERATIONS) or _has(sources, _HTTP_SOURCES)):
        return None  # without HTTP it cannot match, whatever else it has
    principals = [_source(source, allow=allow) for source in sources] or [_ANY]
    permissions = [
        compiled
        for operation in operations or [Json()]
        if (compiled := _operation(operation, port, http=http))
    ]
    return {"permissions": permissions, "principals": principals} if permissions else None


def _has(sections: Iterable[Json], fields: Collection[str]) -> bool:
    return any(any(map(section.get, fields)) for section in sections)


def _source(source: Json, *, allow: bool) -> Json:
    if allow and any(source.get(field) for field in _UNKNOWN_TO_US):
        return {"not_id": {"any": True}}
    namespaces = [_all_of_namespace(name) for name in _strings(source, "namespaces")]
    not_namespaces = [_all_of_namespace(name) for name in _strings(source, "notNamespaces")]
    ids = [
        *_any_of(map(_principal, _strings(source, "principals")), "or_ids", "ids"),
        *_any_of(map(_principal, namespaces), "or_ids", "ids"),
        *({"not_id": _principal(name)} for name in _strings(source, "notPrincipals")),
        *({"not_id": _principal(name)} for name in not_namespaces),
    ]
    return {"and_ids": {"ids": ids}} if ids else _ANY


def _all_of_namespace(name: str) -> str:
    return f"{TRUST_DOMAIN}/ns/{name}/sa/*"


def _principal(name: str) -> Json:
    """A principal, whose name in a certificate starts with `spiffe://`."""
    if name.startswith("*"):
        return {"authenticated": {"principal_name": _string(name)}}
    return {"authenticated": {"principal_name": _string(f"spiffe://{name}")}}


def _operation(operation: Json, port: int, *, http: bool) -> Json | None:
    ports, not_ports = _strings(operation, "ports"), _strings(operation, "notPorts")
    if (ports and str(port) not in ports) or str(port) in not_ports:
        return None
    if not http:
        return _ANY  # a policy that denies ignores the conditions that it cannot check
    rules = [
        *_any_of(map(_host, _strings(operation, "hosts")), "or_rules", "rules"),
        *_any_of(map(_method, _strings(operation, "methods")), "or_rules", "rules"),
        *_any_of(map(_path, _strings(operation, "paths")), "or_rules", "rules"),
        *({"not_rule": _host(host)} for host in _strings(operation, "notHosts")),
        *({"not_rule": _method(method)} for method in _strings(operation, "notMethods")),
        *({"not_rule": _path(path)} for path in _strings(operation, "notPaths")),
    ]
    return {"and_rules": {"rules": rules}} if rules else _ANY


def _any_of(matchers: Iterable[Json], key: str, inner: str) -> list[Json]:
    found = list(matchers)
    return [{key: {inner: found}}] if found else []


def _host(host: str) -> Json:
    return {"header": {"name": ":authority", "string_match": _string(host, ignore_case=True)}}


def _method(method: str) -> Json:
    return {"header": {"name": ":method", "string_match": _string(method)}}


def _path(path: str) -> Json:
    if "{" in path:
        template = re.sub(r"\{(\*\*?)\}", r"\1", path)
        return {
            "uri_template": {
                "name": "uri-template",
                "typed_config": {
                    "@type": "type.googleapis.com/"
                    "envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
                    "path_template": template,
                },
            }
        }
    return {"url_path": {"path": _string(path)}}


def _string(pattern: str, *, ignore_case: bool = False) -> Json:
    """Istio's strings: exact, or with `*` at one end, or `*` alone for any value that is present."""
    case: Json = {"ignore_case": True} if ignore_case else {}
    if pattern == "*":
        return {"safe_regex": {"regex": ".+"}}
    if pattern.endswith("*"):
        return {"prefix": pattern[:-1], **case}
    if pattern.startswith("*"):
        return {"suffix": pattern[1:], **case}
    return {"exact": pattern, **case}


def _match_labels(policy: PolicyState) -> Mapping[str, str]:
    return _section(_section(policy.spec, "selector"), "matchLabels")


def _targets(policy: PolicyState) -> Iterator[tuple[str | None, str, str | None]]:
    for ref in _target_refs(policy):
        yield ref.get("kind"), policy.namespace, ref.get("name")


def _target_refs(policy: PolicyState) -> Sequence[Json]:
    return [*_sections(policy.spec, "targetRefs"), *filter(None, [_section(policy.spec, "targetRef")])]


def _section(where: Json, field: str) -> Json:
    return where.get(field) or {}


def _sections(where: Json, field: str) -> list[Json]:
    return where.get(field) or []


def _strings(where: Json, field: str) -> list[str]:
    return where.get(field) or []
