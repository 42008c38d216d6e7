"""The JSON merge patch from a live object to the desired one."""

from collections.abc import Mapping, Sequence
from typing import cast

from ._objects import Json, Resource, kind_name, manifest, sublist, subtree

_NOT_COMPARED = ("apiVersion", "kind", "status")

# Stands for all fields, in place of a tree of fields.
_EVERYTHING: Json = {"*": {}}

# The server adds no fields to an AuthorizationPolicy: any other field is from another client, and allows or
# denies requests.
_REMOVABLE: Mapping[str, Json] = {
    "AuthorizationPolicy": {
        "f:spec": _EVERYTHING,
        "f:metadata": {"f:annotations": {"f:istio.io/dry-run": {}}},
    }
}


def patch_for(live: Resource, desired: Resource, labels: Mapping[str, str]) -> Json:
    """Return the JSON merge patch from a live object to the desired one; empty if nothing differs.

    A field that is not desired is kept, since it may be the server's default or another client's, unless it
    was set by a field manager that set the owner's labels.
    """
    there = manifest(live)
    removable = _fields_of_writers(there, labels)
    if everything := _REMOVABLE.get(kind_name(type(desired))):
        removable.append(everything)
    wanted = {key: value for key, value in manifest(desired).items() if key not in _NOT_COMPARED}
    return _patch(there, wanted, removable)


def removes(patch: Json) -> bool:
    """Return whether a JSON merge patch removes a field."""
    return any(
        value is None or (isinstance(value, dict) and removes(cast("Json", value)))
        for value in patch.values()
    )


def _fields_of_writers(live: Json, labels: Mapping[str, str]) -> list[Json]:
    """Return the fields set by the field managers that set the labels of the owner.

    These managers are the owner, under its current name or that of an older revision: a field that it has set
    and no longer desires is removed.
    """
    entries = sublist(live, "metadata", "managedFields")
    writers = {
        entry.get("manager")
        for entry in entries
        if any(f"f:{key}" in subtree(entry.get("fieldsV1"), "f:metadata", "f:labels") for key in labels)
    }
    return [entry["fieldsV1"] for entry in entries if entry.get("manager") in writers and "fieldsV1" in entry]


def _patch(live: Json, desired: Json, removable: Sequence[Json]) -> Json:
    """Return the patch; trees of removable fields have the form of `metadata.managedFields[].fieldsV1`."""
    patch: Json = {}
    for key, value in desired.items():
        there = live.get(key)
        if there == value:
            continue
        if isinstance(value, dict) and isinstance(there, dict):
            inner = _patch(cast("Json", there), cast("Json", value), _below(removable, key))
            if inner:
                patch[key] = inner
        elif not _is_so(there, cast("object", value), exactly=_EVERYTHING in _below(removable, key)):
            patch[key] = value
    for key in live.keys() - desired.keys() if removable else ():
        there, below = live[key], _below(removable, key)
        if isinstance(there, dict) and any(below) and _EVERYTHING not in below:
            if inner := _patch(cast("Json", there), {}, below):
                patch[key] = inner
        elif below:
            patch[key] = None
    return patch


def _below(removable: Sequence[Json], key: str) -> list[Json]:
    if _EVERYTHING in removable:
        return [_EVERYTHING]
    return [below for tree in removable if (below := tree.get(f"f:{key}")) is not None]


def _is_so(live: object, desired: object, *, exactly: bool) -> bool:
    if not desired and live is None:
        return True  # an empty field may be absent
    if exactly or type(live) is not type(desired):
        return live == desired
    if isinstance(desired, dict):
        return not _patch(cast("Json", live), cast("Json", desired), ())
    if isinstance(desired, list):
        elements, there = cast("list[object]", desired), cast("list[object]", live)
        return len(there) == len(elements) and all(
            _is_so(*pair, exactly=False) for pair in zip(there, elements, strict=True)
        )
    return live == desired
