"""AuthorizationPolicies in words, the same in statuses, logs, actions and graphs."""

from collections.abc import Iterator, Mapping, Sequence

from charmlibs.interfaces.service_mesh import MeshPolicy, is_cross_model_name
from k8s_charm import Json, sublist, subtree
from relation_data import quoted

from ._rules import APPLICATION_LABEL, rule_of_policy, spec

ANYBODY = "anybody"
ANY_IDENTITY = "anybody in the mesh"
_SINGULAR = {"namespaces": "namespace"}
_CLUSTER = "app.kubernetes.io/part-of"
_KINDS = {APPLICATION_LABEL: "units of ", _CLUSTER: "units of cluster "}
_FIELDS = ("methods", "paths", "ports", "hosts")


def describe_requests(spec: Json) -> list[str]:
    """Return the requests that a policy names, a line for each kind: `GET or PUT /kv/{*} on 8080`."""
    lines: list[str] = []
    for rule in sublist(spec, "rules"):
        lines += [_request(subtree(each, "operation")) for each in sublist(rule, "to") or [Json()]]
    return list(dict.fromkeys(lines))


def describe_sources(spec: Json) -> list[str]:
    """Return the sources that a policy names, applications as `model/application`."""
    names: list[str] = []
    for rule in sublist(spec, "rules"):
        for origin in sublist(rule, "from") or [Json()]:
            names += _sources(subtree(origin, "source"))
    return list(dict.fromkeys(names))


def describe_callers(policy: MeshPolicy) -> str:
    """Return the source of one policy in words."""
    return joined(describe_sources(spec(rule_of_policy(policy))))


def describe_targets(namespace: str, spec: Json) -> list[str]:
    """Return the targets of a policy: a Service as `model/service`, pods by their application if possible."""
    if refs := target_refs(spec):
        return [_target(namespace, ref) for ref in refs]
    labels: dict[str, str] = subtree(spec, "selector", "matchLabels")
    if len(labels) == 1 and (kind := _KINDS.get(next(iter(labels)))):
        return [f"{kind}{_of_model(namespace, next(iter(labels.values())))}"]
    which = ",".join(quoted(f"{key}={value}") for key, value in sorted(labels.items()))
    return [f"units in {quoted(namespace)}" + (f" with {which}" if which else "")]


def target_refs(spec: Json) -> Sequence[Json]:
    """Return the objects to which a policy for a waypoint is attached; empty if it is on pods."""
    single = subtree(spec, "targetRef")
    return [*sublist(spec, "targetRefs"), *([single] if single else [])]


def target_names(spec: Json) -> set[str]:
    """Return the names of the objects to which a policy for a waypoint is attached."""
    return {str(ref.get("name")) for ref in target_refs(spec)}


def has_unresolved_source(spec: Json) -> bool:
    """Return whether a policy is only for applications of other models whose identity is not known yet."""
    names = [source.rpartition("/")[2] for source in describe_sources(spec)]
    return bool(names) and all(map(is_cross_model_name, names))


def target_name(target: str) -> str:
    """Return the name in the description of a target: `model/name`."""
    for kind in reversed(_KINDS.values()):
        target = target.removeprefix(kind)
    return target


def joined(things: Sequence[str], conjunction: str = "and") -> str:
    """Return a list as it is written in a sentence: `a, b and c`."""
    *most, last = things
    return f"{', '.join(most)} {conjunction} {last}" if most else last


def _target(namespace: str, ref: Json) -> str:
    kind, name = str(ref.get("kind")), str(ref.get("name"))
    if kind == "GatewayClass":
        return "everything behind waypoints"
    place = _of_model(namespace, name)
    return place if kind == "Service" else f"{quoted(kind)} {place}"


def _of_model(namespace: str, name: str) -> str:
    return f"{quoted(namespace)}/{quoted(name)}"


def _request(operation: Mapping[str, Sequence[str]]) -> str:
    methods, paths, ports, hosts = (_quoted(operation.get(field)) for field in _FIELDS)
    words = [*([joined(methods, "or")] if methods else []), *([joined(paths, "or")] if paths else [])]
    words = words if methods or paths else ["anything"]
    words += ["on", joined(ports, "or")] if ports else []
    words += ["as", joined(hosts, "or")] if hosts else []
    for field, values in operation.items():
        if values and field not in _FIELDS:
            words.append(f"{quoted(field)} {joined(_quoted(values))}")
    return " ".join(words)


def _quoted(values: Sequence[str] | None) -> list[str]:
    return [quoted(each) for each in values or ()]


def _sources(source: Mapping[str, Sequence[str]]) -> Iterator[str]:
    if not source:
        yield ANYBODY
    for field, values in source.items():
        for each in values:
            shown = _SINGULAR.get(field) or quoted(field)
            yield _application(each) if field == "principals" else f"{shown} {quoted(each)}"


def _application(principal: str) -> str:
    if principal == "*":
        return ANY_IDENTITY
    parts = principal.split("/")
    if len(parts) == 5 and "*" not in parts[0] and (parts[1], parts[3]) == ("ns", "sa"):
        return _of_model(parts[2], parts[4])
    return quoted(principal)
