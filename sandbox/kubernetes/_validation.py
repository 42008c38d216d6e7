"""Conditions that an object must satisfy before it is stored: names, labels, and the rules of its kind."""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping

from ._json import Object, Value, labels_of, mapping, sequence
from ._kinds import Kind
from ._names import data_key_problems, key_problems, label_problems, name_problems
from ._refusals import invalid
from ._schema import duplicates, mistyped, problems, untyped, violations
from ._status import ApiError, Cause, bad_request, forbidden_change, internal_error, invalid_value, required

_LAST_PORT = 65535
_BLOCKING = (
    *("FieldValueTypeInvalid", "FieldValueRequired", "FieldValueNotSupported"),
    *("FieldValueTooLong", "FieldValueTooMany"),
)
_UNCHECKED = Cause(
    "FieldValueInvalid",
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation",
    "<nil>",
)


def check(kind: Kind, obj: Object, old: Object | None = None) -> None:
    """Reject an object, or the change of an old one, that is invalid for its kind.

    Raises:
        ApiError: with a cause for each error (422).
    """
    causes = [*_metadata_problems(kind, obj)]
    wrong = [*problems(obj, kind.schema)]
    causes += [*wrong, *duplicates(obj, kind.schema)]
    if any(cause.reason in _BLOCKING for cause in wrong):
        causes += [_UNCHECKED] if kind.custom else []
    else:
        causes += violations(obj, kind.schema)
    if rule := _RULES.get(kind.name):
        causes += rule(obj)
    if old is not None:
        causes += _change_problems(kind, old, obj)
    if causes:
        raise invalid(kind, obj["metadata"].get("name", ""), causes)


def check_types(kind: Kind, obj: Object, *, patched: bool = False) -> None:
    """Reject values that do not fit the types of Kubernetes' own kinds.

    Raises:
        ApiError: a field has another type (400, or 422 if a patch made it so).
    """
    if kind.custom:
        return
    why = next(mistyped(obj, kind.schema), None) or _bad_secret(kind, obj)
    if why is None:
        return
    if not patched:
        version = f'in version "{kind.version}" cannot be handled as a {kind.name}'
        raise bad_request(f"{kind.name} {version}: {why}")
    cause = Cause("FieldValueInvalid", f"Invalid value: {why}", "patch")
    message = f' "" is invalid: {cause.field}: {cause.message}'
    raise ApiError(422, "Invalid", message, causes=[cause])


def _bad_secret(kind: Kind, obj: Object) -> str | None:
    if kind.name == "Secret":
        for value in mapping(obj.get("data")).values():
            try:
                base64.b64decode(value, validate=True)
            except binascii.Error:
                return "illegal base64 data"
    return None


def check_applied(kind: Kind, namespace: str, name: str, config: Object) -> None:
    """Reject an apply of fields that are not in the kind's schema.

    Raises:
        ApiError: a field is unknown or has another type (500, as the real server has it).
    """
    wrong = [*untyped(config, kind.schema)]
    if wrong:
        what = f"{namespace}/{name}; {kind.group}/{kind.version}, Kind={kind.name}"
        message = wrong[0] if len(wrong) == 1 else "errors:" + "".join(f"\n  {one}" for one in wrong)
        raise internal_error(f"failed to create typed patch object ({what}): {message}")


def _metadata_problems(kind: Kind, obj: Object) -> Iterator[Cause]:
    metadata = obj["metadata"]
    if prefix := metadata.get("generateName"):
        for why in name_problems(kind.name_rule, prefix.removesuffix("-")):
            yield invalid_value("metadata.generateName", prefix, why)
    if name := metadata.get("name"):
        for why in name_problems(kind.name_rule, name):
            yield invalid_value("metadata.name", name, why)
    else:
        yield required("metadata.name", "name or generateName is required")
    yield from label_problems(labels_of(obj), "metadata.labels")
    yield from key_problems(mapping(metadata.get("annotations")), "metadata.annotations")


def _data(obj: Object) -> Iterator[Cause]:
    for field in ("data", "binaryData"):
        yield from data_key_problems(mapping(obj.get(field)), field)


def _field(obj: Object, *path: str) -> Value:
    value: Value = obj
    for name in path:
        value = mapping(value).get(name)
    return value


def _workload(obj: Object) -> Iterator[Cause]:
    replicas = _field(obj, "spec", "replicas")
    if isinstance(replicas, int) and replicas < 0:
        yield invalid_value("spec.replicas", replicas, "must be greater than or equal to 0")
    template = mapping(_field(obj, "spec", "template"))
    labels = labels_of(template)
    yield from label_problems(labels, "spec.template.labels")
    wanted = mapping(_field(obj, "spec", "selector", "matchLabels"))
    if not wanted or any(labels.get(key) != value for key, value in wanted.items()):
        why = "`selector` does not match template `labels`"
        yield invalid_value("spec.template.metadata.labels", labels or None, why)
    yield from _containers(template, "spec.template.spec")
    strategy = mapping(_field(obj, "spec", "updateStrategy"))
    rolling_update = strategy.get("rollingUpdate")
    if rolling_update is not None and strategy.get("type") != "RollingUpdate":
        why = "only allowed for updateStrategy 'RollingUpdate'"
        yield invalid_value("spec.updateStrategy.rollingUpdate", rolling_update, why)


def _containers(pod: Object, path: str) -> Iterator[Cause]:
    containers = sequence(_field(pod, "spec", "containers"))
    if not containers:
        yield required(f"{path}.containers")
    for index, container in enumerate(containers):
        for why in name_problems("label", container.get("name", "")):
            yield invalid_value(f"{path}.containers[{index}].name", container.get("name"), why)
        if not container.get("image"):
            yield required(f"{path}.containers[{index}].image")


def _pod(obj: Object) -> Iterator[Cause]:
    yield from _containers(obj, "spec")


def _service(obj: Object) -> Iterator[Cause]:
    spec = mapping(obj.get("spec"))
    ports = sequence(spec.get("ports"))
    yield from label_problems(mapping(spec.get("selector")), "spec.selector")
    if not ports and spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None":
        yield required("spec.ports")
    names: set[str] = set()
    for index, port in enumerate(ports):
        name = port.get("name")
        if len(ports) > 1 and not name:
            yield required(f"spec.ports[{index}].name")
        elif name in names:
            path = f"spec.ports[{index}].name"
            yield Cause("FieldValueDuplicate", f'Duplicate value: "{name}"', path)
        names.add(name)
        for field in ("port", "targetPort"):
            number = port.get(field)
            if isinstance(number, int) and not 1 <= number <= _LAST_PORT:
                path = f"spec.ports[{index}].{field}"
                yield invalid_value(path, number, f"must be between 1 and {_LAST_PORT}, inclusive")


def _autoscaler(obj: Object) -> Iterator[Cause]:
    least, most = _field(obj, "spec", "minReplicas"), _field(obj, "spec", "maxReplicas")
    if least < 1:
        yield invalid_value("spec.minReplicas", least, "must be greater than or equal to 1")
    if most < 1:
        yield invalid_value("spec.maxReplicas", most, "must be greater than 0")
    if most < least:
        yield invalid_value("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`")


_RULES: Mapping[str, Callable[[Object], Iterator[Cause]]] = {
    "ConfigMap": _data,
    "Deployment": _workload,
    "HorizontalPodAutoscaler": _autoscaler,
    "Pod": _pod,
    "Secret": _data,
    "Service": _service,
    "StatefulSet": _workload,
}

_STATEFUL_SET_MUTABLE = (
    *("replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit"),
    *("persistentVolumeClaimRetentionPolicy", "minReadySeconds"),
)

_IMMUTABLE: Mapping[str, Mapping[str, str]] = {
    "ClusterRoleBinding": {"roleRef": "cannot change roleRef"},
    "Deployment": {"spec.selector": "field is immutable"},
    "GatewayClass": {"spec.controllerName": "Value is immutable"},
    "RoleBinding": {"roleRef": "cannot change roleRef"},
}


def _change_problems(kind: Kind, old: Object, new: Object) -> Iterator[Cause]:
    if kind.name == "StatefulSet":
        before, after = (
            {
                name: value
                for name, value in mapping(obj.get("spec")).items()
                if name not in _STATEFUL_SET_MUTABLE
            }
            for obj in (old, new)
        )
        if before != after:
            *most, last = (f"'{name}'" for name in _STATEFUL_SET_MUTABLE)
            fields = f"{', '.join(most)} and {last}"
            why = f"updates to statefulset spec for fields other than {fields} are forbidden"
            yield forbidden_change("spec", why)
    elif kind.name == "Service":
        address, wanted = _field(old, "spec", "clusterIP"), _field(new, "spec", "clusterIP")
        if address and wanted != address:
            yield invalid_value("spec.clusterIPs[0]", [wanted], "may not change once set")
    for path, why in _IMMUTABLE.get(kind.name, {}).items():
        wanted = _field(new, *path.split("."))
        if _field(old, *path.split(".")) != wanted:
            yield invalid_value(path, "string" if kind.custom else wanted, why)
