"""The rule of a policy in a normal form: policies that allow the same requests have equal rules."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from charmlibs.interfaces.service_mesh import CallerKind, Callers, MeshPolicy, PolicyTargetType
from k8s_charm import Json

APPLICATION_LABEL = "app.kubernetes.io/name"
TRUST_DOMAIN = "cluster.local"
"""The default trust domain of a mesh, unless its `meshConfig.trustDomain` names another one."""
_PRINCIPAL = "{}/ns/{}/sa/{}"
_TRUST_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,253}[a-z0-9])?")
_ANY = "*"
_FIELDS = ("hosts", "methods", "paths", "ports")

Operation = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""Hosts, methods, paths and ports, each sorted; an empty one is no restriction."""


class PolicyKey(NamedTuple):
    """The target and the source of a policy; all policies of one key are one group of objects."""

    namespace: str
    """The namespace of the target."""
    service: str
    """The Service that is the target; empty if the target is pods."""
    pods: tuple[tuple[str, str], ...]
    """The labels of the pods that are the target, sorted; empty if it is a Service."""
    source_namespace: str
    """The namespace of the source; of callers, what `source_of` makes of them."""
    source_app: str
    """The application that is the source; `*`, which no application is called, for callers."""

    @property
    def callers(self) -> Callers | None:
        """The callers, if the source is not an application."""
        if self.source_app != _ANY:
            return None
        if self.source_namespace in ("", _ANY):
            return Callers(kind=CallerKind.mesh if self.source_namespace else CallerKind.anyone)
        return Callers(kind=CallerKind.namespaces, namespaces=self.source_namespace.split(","))


def source_of(callers: Callers) -> tuple[str, str]:
    """Return callers as the source of a key: their namespaces, `*` for the whole mesh, nothing for anyone."""
    if callers.kind is CallerKind.namespaces:
        return ",".join(sorted(set(callers.namespaces or ()))), _ANY
    return "" if callers.kind is CallerKind.anyone else _ANY, _ANY


class PolicyRule(NamedTuple):
    """The requests that one policy allows."""

    key: PolicyKey
    operations: tuple[Operation, ...]
    """The allowed requests, sorted; all requests are allowed if it is empty."""
    trust_domain: str = TRUST_DOMAIN
    """The trust domain of the source's identity."""


def check_trust_domain(text: str) -> str:
    """Return the text if it is a valid trust domain; any other could match more than one identity.

    Raises:
        ValueError: if it is invalid.
    """
    if not _TRUST_DOMAIN.fullmatch(text):
        raise ValueError("not a trust domain, such as cluster.local")
    return text


def rule_of_policy(policy: MeshPolicy, trust_domain: str = TRUST_DOMAIN) -> PolicyRule:
    """Return the rule of a requested policy."""
    service, pods = "", dict[str, str]()
    if policy.target_type is PolicyTargetType.app:
        service = policy.target_service or policy.target_app_name or ""
    else:
        pods = policy.target_selector_labels or {APPLICATION_LABEL: policy.target_app_name or ""}
    if policy.callers:
        source, trust_domain = source_of(policy.callers), TRUST_DOMAIN
    else:
        source = policy.source_namespace, policy.source_app_name
    return PolicyRule(
        PolicyKey(policy.target_namespace, service, tuple(sorted(pods.items())), *source),
        _operations(
            _operation(
                endpoint.hosts,
                [method.value for method in endpoint.methods or ()],
                endpoint.paths,
                map(str, endpoint.ports or ()),
            )
            for endpoint in policy.endpoints
        ),
        trust_domain,
    )


def _operation(*fields: Iterable[str] | None) -> Operation:
    hosts, methods, paths, ports = (set(values or ()) for values in fields)
    by_number = sorted(ports, key=lambda port: (len(port), port))
    return tuple(sorted(hosts)), tuple(sorted(methods)), tuple(sorted(paths)), tuple(by_number)


def _operations(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    distinct = sorted(set(operations))
    # Each operation allows more requests: one without restrictions allows all. Istio does not accept an
    # operation without any field.
    return tuple(distinct) if all(any(operation) for operation in distinct) else ()


def spec(rule: PolicyRule) -> Json:
    """Return the `spec` of the AuthorizationPolicy that has this rule."""
    source = _source(rule)
    allowed: Json = {"from": [{"source": source}]} if source else {}
    if rule.operations:
        allowed["to"] = [
            {
                "operation": {
                    field: list(values) for field, values in zip(_FIELDS, operation, strict=True) if values
                }
            }
            for operation in rule.operations
        ]
    return {"action": "ALLOW", "rules": [allowed], **target(rule.key)}


def target(key: PolicyKey) -> Json:
    """Return the part of an AuthorizationPolicy's specification that names the target of a key."""
    if key.service:
        return {"targetRefs": [{"group": "", "kind": "Service", "name": key.service}]}
    return {"selector": {"matchLabels": dict(key.pods)}}


def _source(rule: PolicyRule) -> Json:
    """Return the source in Istio's form; an empty one is anyone, with or without an identity."""
    key, callers = rule.key, rule.key.callers
    if callers is None:
        return {"principals": [_PRINCIPAL.format(rule.trust_domain, key.source_namespace, key.source_app)]}
    if callers.namespaces:
        return {"namespaces": list(callers.namespaces)}
    return {"principals": [_ANY]} if callers.kind is CallerKind.mesh else {}


def rule_of_spec(namespace: str, spec: Mapping[str, Any]) -> PolicyRule | None:
    """Return the rule of an AuthorizationPolicy; None if no single policy of a charm has such a rule."""
    try:
        return _read(namespace, spec)
    except (AttributeError, TypeError, ValueError):
        return None


def _read(namespace: str, spec: Mapping[str, Any]) -> PolicyRule:
    references, selector, action, (rule,) = _only(spec, "targetRefs", "selector", "action", "rules")
    origins, targets = _only(rule, "from", "to")
    if (action or "ALLOW") != "ALLOW":
        raise ValueError("not the rule of a requested policy")
    domain, *origin = _read_source(origins)
    service, pods = "", dict[str, str]()
    if references and not selector:
        (reference,) = references
        group, kind, service = _only(reference, "group", "kind", "name")
        if group or kind != "Service":
            raise ValueError("not a Service")
    else:
        (pods,) = _only(selector, "matchLabels")
    key = PolicyKey(namespace, service, tuple(sorted(pods.items())), *origin)
    operations = [_only(target, "operation")[0] for target in targets or ()]
    allowed = _operations(_operation(*_only(each, *_FIELDS)) for each in operations)
    return PolicyRule(key, allowed, check_trust_domain(domain))


def _read_source(origins: Sequence[Mapping[str, Any]] | None) -> tuple[str, str, str]:
    """Return the trust domain, and the source as in a key."""
    if not origins:
        return TRUST_DOMAIN, *source_of(Callers(kind=CallerKind.anyone))
    (origin,) = origins
    (source,) = _only(origin, "source")
    principals, namespaces = _only(source, "principals", "namespaces")
    if namespaces and not principals:
        return TRUST_DOMAIN, *source_of(Callers(kind=CallerKind.namespaces, namespaces=namespaces))
    (principal,) = principals
    if namespaces:
        raise ValueError("has other fields")
    if principal == _ANY:
        return TRUST_DOMAIN, *source_of(Callers(kind=CallerKind.mesh))
    domain, ns, source_namespace, sa, source_app = principal.split("/")
    if (ns, sa) != ("ns", "sa") or source_app == _ANY:
        raise ValueError("not the rule of a requested policy")
    return domain, source_namespace, source_app


def _only(fields: Mapping[str, Any], *names: str) -> list[Any]:
    if any(value for name, value in fields.items() if name not in names):
        raise ValueError("has other fields")
    return [fields.get(name) for name in names]
