"""The kinds that a cluster serves: those of Kubernetes, and those whose CustomResourceDefinitions it has."""

from __future__ import annotations

from ._json import Object
from ._kinds import CRD, KINDS, Kind
from ._records import Records
from ._status import UnknownPathError, unknown_resource

_BY_NAME = {kind.name: kind for kind in KINDS}
_BY_PATH = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}


def kind_of(name: Kind | str) -> Kind:
    """Return the kind of this name, such as `StatefulSet`."""
    return name if isinstance(name, Kind) else _BY_NAME[name]


def custom_kinds(*groups: str) -> list[Kind]:
    """Return the custom kinds of these API groups, or all that are known."""
    return [kind for kind in KINDS if kind.custom and (not groups or kind.group in groups)]


def is_served(records: Records, kind: Kind) -> bool:
    """Return whether it needs no CustomResourceDefinition, or has one."""
    return not kind.custom or records.find(CRD, "", kind.resource) is not None


def served_at(records: Records, group: str, version: str, plural: str) -> Kind:
    """Return the kind behind a path of the API.

    Raises:
        ApiError: the group is served, but not this resource (404).
        UnknownPathError: nothing of this group is served.
    """
    kind = _BY_PATH.get((group, version, plural))
    if kind is not None and is_served(records, kind):
        return kind
    if any(other.group == group and not other.custom for other in KINDS):
        raise unknown_resource()
    raise UnknownPathError


def definition(kind: Kind) -> Object:
    """Return the CustomResourceDefinition of a kind."""
    singular = kind.name.lower()
    names = {"kind": kind.name, "listKind": f"{kind.name}List", "plural": kind.plural, "singular": singular}
    return {
        "metadata": {"name": kind.resource},
        "spec": {
            "group": kind.group,
            "names": names,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "versions": [{"name": kind.version, "served": True, "storage": True}],
        },
    }
