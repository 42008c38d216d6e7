"""What it takes to make a live object what it should be."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from ._objects import Json

_NOT_COMPARED = ("apiVersion", "kind", "status")

# In place of a tree of fields: all there are.
EVERYTHING: "Json" = {"*": {}}


def correction(live: "Json", wanted: "Json", removable: "Sequence[Json]") -> "Json":
    """Return the JSON merge patch that makes all of `wanted` so in `live`; empty if it is so.

    What is live and not wanted stays, for it is the server's default or somebody else's field, unless it is
    named in `removable`: trees of fields in the form of `metadata.managedFields[].fieldsV1`.
    """
    return _patch(live, {key: wanted[key] for key in wanted if key not in _NOT_COMPARED}, removable)


def removes(patch: "Json") -> bool:
    """Tell whether a JSON merge patch removes a field."""
    return any(
        value is None or (isinstance(value, dict) and removes(cast("Json", value)))
        for value in patch.values()
    )


def fields_of_writers(live: "Json", labels: "Mapping[str, str]") -> "list[Json]":
    """Return the fields that were set by whoever set the labels of the owner.

    That is the owner, under the name of today or of an older revision: what it has set once and no longer
    wants has to go.
    """
    entries: list[Json] = live.get("metadata", {}).get("managedFields") or []
    writers = {
        entry.get("manager")
        for entry in entries
        if any(f"f:{key}" in _subtree(entry.get("fieldsV1"), "f:metadata", "f:labels") for key in labels)
    }
    return [entry["fieldsV1"] for entry in entries if entry.get("manager") in writers and "fieldsV1" in entry]


def _subtree(tree: "Json | None", *path: str) -> "Json":
    for step in path:
        tree = (tree or {}).get(step)
    return tree or {}


def _patch(live: "Json", wanted: "Json", removable: "Sequence[Json]") -> "Json":
    patch: Json = {}
    for key, value in wanted.items():
        there = live.get(key)
        if there == value:
            continue
        if isinstance(value, dict) and isinstance(there, dict):
            inner = _patch(cast("Json", there), cast("Json", value), _below(removable, key))
            if inner:
                patch[key] = inner
        elif not _is_so(there, cast("object", value), exactly=EVERYTHING in _below(removable, key)):
            patch[key] = value
    for key in live.keys() - wanted.keys() if removable else ():
        there, below = live[key], _below(removable, key)
        if isinstance(there, dict) and any(below) and EVERYTHING not in below:
            if inner := _patch(cast("Json", there), {}, below):
                patch[key] = inner
        elif below:
            patch[key] = None
    return patch


def _below(removable: "Sequence[Json]", key: str) -> "list[Json]":
    if EVERYTHING in removable:
        return [EVERYTHING]
    return [below for tree in removable if (below := tree.get(f"f:{key}")) is not None]


def _is_so(live: object, wanted: object, *, exactly: bool) -> bool:
    if not wanted and live is None:
        return True  # what is empty may be left out
    if exactly or type(live) is not type(wanted):
        return live == wanted
    if isinstance(wanted, dict):
        return not _patch(cast("Json", live), cast("Json", wanted), ())
    if isinstance(wanted, list):
        elements, there = cast("list[object]", wanted), cast("list[object]", live)
        return len(there) == len(elements) and all(
            _is_so(*pair, exactly=False) for pair in zip(there, elements, strict=True)
        )
    return live == wanted
