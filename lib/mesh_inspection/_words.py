"""Policies in words."""

from collections.abc import Mapping, Sequence
from typing import cast

from charmlibs.interfaces.service_mesh import is_of_another_model
from istio_policies import APPLICATION_LABEL
from k8s_charm import Json

from ._cluster import Policy
from ._way import target_refs

ANYBODY = "anybody"
_CLUSTER = "app.kubernetes.io/part-of"
_KINDS = {APPLICATION_LABEL: "units of ", _CLUSTER: "units of cluster "}
_FIELDS = ("methods", "paths", "ports", "hosts")


def requests_of(policy: Policy) -> list[str]:
    """What a policy is about, one line for each kind of request: `GET or PUT /kv/{*} on 8080`."""
    operations = [
        operation for rule in _list(policy.spec, "rules") for operation in _list(rule, "to") or [{}]
    ]
    return list(dict.fromkeys(_request(each.get("operation") or {}) for each in operations))


def sources_of(policy: Policy) -> list[str]:
    """Whom a policy is about, applications as `model/application`."""
    return list(
        dict.fromkeys(
            source
            for rule in _list(policy.spec, "rules")
            for origin in _list(rule, "from") or [{}]
            for source in _sources(origin.get("source") or {})
        )
    )


def targets_of(policy: Policy) -> list[str]:
    """What a policy protects: a Service as `model/service`, or pods, by application where that is so."""
    if refs := target_refs(policy):
        return [_target(policy.namespace, ref) for ref in refs]
    selector: Json = policy.spec.get("selector") or {}
    labels: Mapping[str, str] = selector.get("matchLabels") or {}
    if len(labels) == 1 and (kind := _KINDS.get(next(iter(labels)))):
        return [f"{kind}{policy.namespace}/{next(iter(labels.values()))}"]
    what = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    return [f"units in {policy.namespace}" + (f" with {what}" if what else "")]


def is_of_nobody_yet(policy: Policy) -> bool:
    """Whether a policy is for applications of other models that have not said who they are there."""
    names = [source.rpartition("/")[2] for source in sources_of(policy)]
    return bool(names) and all(map(is_of_another_model, names))


def plain(target: str) -> str:
    """The name in the words for a target: `model/name`."""
    return target.rpartition(" ")[2] if target.startswith(tuple(_KINDS.values())) else target


def joined(things: Sequence[str], conjunction: str = "and") -> str:
    """A list as a sentence has it."""
    *most, last = things
    return f"{', '.join(most)} {conjunction} {last}" if most else last


def _target(namespace: str, ref: Json) -> str:
    kind, name = str(ref.get("kind")), str(ref.get("name"))
    if kind == "GatewayClass":
        return "everything behind waypoints"
    return f"{namespace}/{name}" if kind == "Service" else f"{kind} {namespace}/{name}"


def _request(operation: Mapping[str, Sequence[str]]) -> str:
    methods, paths, ports, hosts = (list(operation.get(field) or ()) for field in _FIELDS)
    words = [*([joined(methods, "or")] if methods else []), *([joined(paths, "or")] if paths else [])]
    words = words if methods or paths else ["anything"]
    words += ["on", joined(ports, "or")] if ports else []
    words += ["as", joined(hosts, "or")] if hosts else []
    more = [
        f"{field} {joined(list(each))}" for field, each in operation.items() if each and field not in _FIELDS
    ]
    return " ".join([*words, *more])


def _sources(source: Mapping[str, Sequence[str]]) -> list[str]:
    return [
        _application(each) if field == "principals" else f"{field} {each}"
        for field, values in source.items()
        for each in values
    ] or [ANYBODY]


def _application(principal: str) -> str:
    parts = principal.split("/")
    if len(parts) == 5 and parts[:2] == ["cluster.local", "ns"] and parts[3] == "sa":
        return f"{parts[2]}/{parts[4]}"
    return principal


def _list(mapping: Json, key: str) -> list[Json]:
    return cast("list[Json]", mapping.get(key) or [])
