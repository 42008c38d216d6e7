"""What an object must satisfy before it is stored: names, labels, and the rules of its kind."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ._json import Object, labels_of, mapping, sequence
from ._kinds import Kind, NameRule
from ._schema import problems
from ._status import ApiError, Cause, forbidden_change, invalid_value, required

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_LABEL_1035 = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_IN_QUALIFIED = (
    "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)


def _regex_says(what: str, pattern: str, *examples: str) -> str:
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{what} (e.g. {shown}regex used for validation is '{pattern}')"


@dataclass(frozen=True)
class _NameSyntax:
    pattern: str
    longest: int
    what: str
    examples: tuple[str, ...]

    def against(self, name: str) -> Iterator[str]:
        if len(name) > self.longest:
            yield f"must be no more than {self.longest} characters"
        if not re.fullmatch(self.pattern, name):
            yield _regex_says(self.what, self.pattern, *self.examples)


_SUBDOMAIN = _NameSyntax(
    rf"{_LABEL}(\.{_LABEL})*",
    253,
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character",
    ("example.com",),
)
_SYNTAX: Mapping[NameRule, _NameSyntax] = {
    "subdomain": _SUBDOMAIN,
    "label": _NameSyntax(
        _LABEL,
        63,
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
        "and must start and end with an alphanumeric character",
        ("my-name", "123-abc"),
    ),
    "label_1035": _NameSyntax(
        _LABEL_1035,
        63,
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
        "start with an alphabetic character, and end with an alphanumeric character",
        ("my-name", "abc-123"),
    ),
}


def check(kind: Kind, obj: Object, old: Object | None = None) -> None:
    """Refuse an object that its kind does not allow.

    Raises:
        ApiError: with a cause for each thing that is wrong (422).
    """
    causes = [*problems(_body(obj), kind.schema)] or [*_metadata_problems(kind, obj)]
    if not causes:
        causes = [*_RULES[kind.name](obj)] if kind.name in _RULES else []
    if not causes and old is not None:
        causes = [*_change_problems(kind, old, obj)]
    if causes:
        raise invalid(kind, obj["metadata"].get("name", ""), causes)


def invalid(kind: Kind, name: str, causes: list[Cause]) -> ApiError:
    """422: the object is not one that its kind allows."""
    said = [f"{cause.field}: {cause.message}" for cause in causes]
    text = said[0] if len(said) == 1 else f"[{', '.join(said)}]"
    return ApiError(
        422,
        "Invalid",
        f'{kind.qualified} "{name}" is invalid: {text}',
        resource=kind.name,
        group=kind.group,
        name=name,
        causes=causes,
    )


def _body(obj: Object) -> Object:
    return {name: value for name, value in obj.items() if name != "status"}


def _metadata_problems(kind: Kind, obj: Object) -> Iterator[Cause]:
    metadata = obj["metadata"]
    name = metadata.get("name", "")
    if not name:
        yield required("metadata.name", "name or generateName is required")
    elif kind.name_rule == "path_segment":
        if name in (".", "..") or "/" in name or "%" in name:
            yield invalid_value("metadata.name", name, "may not be '.' or '..', or contain '/' or '%'")
    else:
        for why in _SYNTAX[kind.name_rule].against(name):
            yield invalid_value("metadata.name", name, why)
    yield from _label_problems(labels_of(obj), "metadata.labels")


def _label_problems(labels: Mapping[str, str], path: str) -> Iterator[Cause]:
    for key, value in labels.items():
        for why in _label_key_problems(key):
            yield invalid_value(path, key, why)
        if len(value) > 63:
            yield invalid_value(path, value, "must be no more than 63 bytes")
        if value and not re.fullmatch(_QUALIFIED, value):
            what = f"a valid label must be an empty string or consist of {_IN_QUALIFIED}"
            yield invalid_value(
                path, value, _regex_says(what, f"({_QUALIFIED})?", "MyValue", "my_value", "12345")
            )


def _label_key_problems(key: str) -> Iterator[str]:
    prefix, slash, name = key.rpartition("/")
    if slash and not prefix:
        yield "prefix part must be non-empty"
    elif slash:
        yield from (f"prefix part {why}" for why in _SUBDOMAIN.against(prefix))
    if not name:
        yield "name part must be non-empty"
    elif len(name) > 63:
        yield "name part must be no more than 63 bytes"
    if not re.fullmatch(_QUALIFIED, name):
        what = f"name part must consist of {_IN_QUALIFIED}"
        yield _regex_says(what, _QUALIFIED, "MyName", "my.name", "123-abc")


def _authorization_policy(obj: Object) -> Iterator[Cause]:
    spec = mapping(obj.get("spec"))
    if sum(name in spec for name in ("selector", "targetRef", "targetRefs")) > 1:
        yield invalid_value("spec", "object", "only one of targetRefs or selector can be set")
    for index, target in enumerate(sequence(spec.get("targetRefs"))):
        if target.get("namespace"):
            yield invalid_value(
                f"spec.targetRefs[{index}].namespace",
                "object",
                "cross namespace referencing is not currently supported",
            )
    for key, value in mapping(mapping(spec.get("selector")).get("matchLabels")).items():
        if "*" in key or "*" in value:
            yield invalid_value(
                "spec.selector.matchLabels", "object", "wildcard is not supported in selector"
            )


def _workload(obj: Object) -> Iterator[Cause]:
    spec = obj["spec"]
    labels = labels_of(spec["template"])
    yield from _label_problems(labels, "spec.template.metadata.labels")
    wanted = mapping(spec["selector"].get("matchLabels"))
    if any(labels.get(key) != value for key, value in wanted.items()):
        yield invalid_value(
            "spec.template.metadata.labels", labels, "`selector` does not match template `labels`"
        )


def _service(obj: Object) -> Iterator[Cause]:
    spec = mapping(obj.get("spec"))
    ports = sequence(spec.get("ports"))
    if not ports and spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None":
        yield required("spec.ports")
    if len(ports) > 1:
        for index, port in enumerate(ports):
            if not port.get("name"):
                yield required(f"spec.ports[{index}].name")


def _autoscaler(obj: Object) -> Iterator[Cause]:
    spec = obj["spec"]
    if spec["maxReplicas"] < 1:
        yield invalid_value("spec.maxReplicas", spec["maxReplicas"], "must be greater than 0")
    if spec["maxReplicas"] < spec["minReplicas"]:
        why = "must be greater than or equal to `minReplicas`"
        yield invalid_value("spec.maxReplicas", spec["maxReplicas"], why)


_RULES: Mapping[str, Callable[[Object], Iterator[Cause]]] = {
    "AuthorizationPolicy": _authorization_policy,
    "Deployment": _workload,
    "HorizontalPodAutoscaler": _autoscaler,
    "Service": _service,
    "StatefulSet": _workload,
}

_STATEFUL_SET_MUTABLE = (
    *("replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit"),
    *("persistentVolumeClaimRetentionPolicy", "minReadySeconds"),
)


def _change_problems(kind: Kind, old: Object, new: Object) -> Iterator[Cause]:
    if kind.name == "StatefulSet":
        before = {name: value for name, value in old["spec"].items() if name not in _STATEFUL_SET_MUTABLE}
        after = {name: value for name, value in new["spec"].items() if name not in _STATEFUL_SET_MUTABLE}
        if before != after:
            *most, last = (f"'{name}'" for name in _STATEFUL_SET_MUTABLE)
            fields = f"{', '.join(most)} and {last}"
            why = f"updates to statefulset spec for fields other than {fields} are forbidden"
            yield forbidden_change("spec", why)
    elif kind.name == "Deployment" and old["spec"]["selector"] != new["spec"]["selector"]:
        yield invalid_value("spec.selector", new["spec"]["selector"], "field is immutable")
    elif kind.name.endswith("RoleBinding") and old["roleRef"] != new["roleRef"]:
        yield invalid_value("roleRef", new["roleRef"], "cannot change roleRef")
    elif kind.name == "Service":
        address = old["spec"].get("clusterIP")
        if address and new["spec"].get("clusterIP") != address:
            yield invalid_value("spec.clusterIPs[0]", new["spec"].get("clusterIP"), "may not change once set")
