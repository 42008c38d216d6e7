"""Ownership of fields: server-side apply, and the managedFields of every other write."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

from ._field_sets import (
    FieldSet,
    Path,
    applied_fields,
    children,
    compare,
    read_fields_v1,
    to_fields_v1,
    with_parents,
)
from ._json import Object, Value, is_object, sequence
from ._schema import Schema
from ._status import ApiError, Cause

_EMPTY: FieldSet = frozenset()
_NOBODYS: FieldSet = frozenset(
    {("f:apiVersion",), ("f:kind",), ("f:metadata",)}
    | {
        ("f:metadata", f"f:{name}")
        for name in (
            *("name", "namespace", "uid", "resourceVersion", "generation", "selfLink"),
            *("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields"),
        )
    }
)
"""The server's own fields: no writer of an object owns them."""


@dataclass(frozen=True)
class Writer:
    """A writer and its kind of write: each has its own fields."""

    manager: str
    operation: str
    """`Apply` or `Update`."""
    api_version: str
    subresource: str = ""

    @property
    def identity(self) -> str:
        """Return what identifies a writer and orders it; without the API version if it applies."""
        entry = {"manager": self.manager, "operation": self.operation}
        if self.operation != "Apply":
            entry["apiVersion"] = self.api_version
        if self.subresource:
            entry["subresource"] = self.subresource
        return json.dumps(entry)

    def describe(self) -> str:
        """The writer as a conflict names it."""
        text = json.dumps(self.manager)
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        if self.operation == "Update":
            text += f" using {self.api_version}"
        return text


@dataclass(frozen=True)
class Ownership:
    """The fields that one writer owns."""

    writer: Writer
    fields: FieldSet
    time: str | None
    """The time of its last change; unknown if its first apply changed nothing."""


def owners(obj: Object) -> list[Ownership]:
    """Read an object's managedFields."""
    return [
        Ownership(
            Writer(entry["manager"], entry["operation"], entry["apiVersion"], entry.get("subresource", "")),
            frozenset(read_fields_v1(entry["fieldsV1"])),
            entry.get("time"),
        )
        for entry in sequence(obj["metadata"].get("managedFields"))
    ]


def record(ownerships: Iterable[Ownership]) -> list[Object]:
    """Write managedFields, those who apply first."""
    entries: list[Object] = []
    for ownership in sorted(ownerships, key=_order):
        writer = ownership.writer
        entry = {
            "manager": writer.manager,
            "operation": writer.operation,
            "apiVersion": writer.api_version,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields_v1(ownership.fields),
        }
        if ownership.time:
            entry["time"] = ownership.time
        if writer.subresource:
            entry["subresource"] = writer.subresource
        entries.append(entry)
    return entries


def _order(one: Ownership) -> tuple[str, str, str, str]:
    return one.writer.operation, one.time or "", one.writer.manager, one.writer.subresource


def own_update(
    old: Object | None, new: Object, schema: Schema, writer: Writer, time: str
) -> tuple[Ownership, ...]:
    """Return the owners of fields after `writer` has changed `old` into `new` without server-side apply."""
    before = owners(old) if old is not None else []
    if old is not None and not before:
        return ()  # a change of what has no owner makes none, until the first apply
    changes = compare(old, new, schema)
    changed = _owned(changes.added | changes.modified, writer)
    mine = next((one for one in before if one.writer.identity == writer.identity), None)
    kept = (mine.fields if mine else _EMPTY) - changes.removed
    after = [
        replace(one, fields=one.fields - changes.removed - changes.modified - changes.added)
        for one in before
        if one is not mine
    ]
    if changed:
        after.append(Ownership(writer, kept | changed, time))
    elif mine:
        after.append(replace(mine, fields=kept))
    return tuple(one for one in after if one.fields)


def apply(
    live: Object | None, config: Object, schema: Schema, writer: Writer, time: str, *, force: bool
) -> tuple[Object, tuple[Ownership, ...]]:
    """Apply an object: return the result, and the owners of its fields.

    Raises:
        ApiError: another writer owns a field that would change, and `force` is not set (409).
    """
    before = owners(live) if live is not None else []
    if live is not None and not before:
        first = Writer("before-first-apply", "Update", writer.api_version)
        before = [*own_update(None, live, schema, first, time)]
    mine = next((one for one in before if one.writer.identity == writer.identity), None)
    others = [one for one in before if one is not mine]
    wanted = _owned(frozenset(applied_fields(config, schema)), writer)
    merged = _merge(live or {}, config, schema)
    if mine is not None:
        still_owned = with_parents(wanted.union(*(one.fields for one in others)))
        gone = with_parents(mine.fields) - still_owned - _NOBODYS
        merged = _remove(merged, gone, schema)
    changes = compare(live, merged, schema)
    if live is not None and not force:
        _refuse_conflicts(others, changes.modified | changes.added)
    written = changes.modified | changes.added | changes.removed
    after = [one if not written else replace(one, fields=one.fields - written) for one in others]
    last = time if written else mine.time if mine is not None else None
    after.append(Ownership(writer, wanted, last))
    return merged, tuple(one for one in after if one.fields)


def _refuse_conflicts(others: Sequence[Ownership], changed: FieldSet) -> None:
    conflicts = {
        one.writer.describe(): [_readable(path) for path in sorted(one.fields & changed, key=_leaves_first)]
        for one in sorted(others, key=lambda one: one.writer.identity)
        if one.fields & changed
    }
    if not conflicts:
        return
    causes: list[Cause] = []
    for owner, fields in conflicts.items():
        causes += (Cause("FieldManagerConflict", f"conflict with {owner}", field) for field in fields)
    if len(causes) == 1:
        conflicts = f"1 conflict: {causes[0].message}: {causes[0].field}"
    else:
        lines: list[str] = []
        for owner, fields in conflicts.items():
            lines += (f"conflicts with {owner}:", *(f"- {field}" for field in fields))
        conflicts = f"{len(causes)} conflicts: " + "\n".join(lines)
    raise ApiError(409, "Conflict", f"Apply failed with {conflicts}", causes=causes)


def _leaves_first(path: Path) -> list[tuple[bool, str]]:
    """The order of fields in one object: owned fields before the contents of others."""
    return [(length < len(path), element) for length, element in enumerate(path, 1)]


def _readable(path: Path) -> str:
    text = ""
    for element in path:
        form, _, rest = element.partition(":")
        if form == "f":
            text += f".{rest}"
        elif form == "k":
            keys: Object = json.loads(rest)
            text += "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in keys.items()) + "]"
        elif form == "v":
            text += f"[={rest}]"
    return text


def _owned(fields: FieldSet, writer: Writer) -> FieldSet:
    """Return the part of a field set that a writer can own: the status is written by its subresource only."""
    elsewhere = ("f:status",) if writer.subresource != "status" else ("f:spec",)
    return frozenset(path for path in fields - _NOBODYS if path[0] not in elsewhere)


def _merge(live: Value, config: Value, schema: Schema) -> Value:
    if schema.is_leaf(config) or type(live) is not type(config):
        return deepcopy(config)
    if is_object(config):
        merged: Object = dict(live)
        for name, child in config.items():
            merged[name] = _merge(merged[name], child, schema.of(name)) if name in merged else deepcopy(child)
        return merged
    there = {schema.item_key(item): item for item in live}
    wanted = {schema.item_key(item): item for item in config}
    merged_items: list[Value] = []
    for key in _interleaved(list(there), list(wanted)):
        if key in there and key in wanted:
            merged_items.append(_merge(there[key], wanted[key], schema.item))
        else:
            merged_items.append(deepcopy(wanted[key] if key in wanted else there[key]))
    return merged_items


def _interleaved(there: Sequence[str], wanted: Sequence[str]) -> Iterator[str]:
    """Return the order of merged items: the desired order, with the others in their previous places."""
    left, right = deque(there), deque(wanted)
    shared = deque(key for key in wanted if key in there)
    given: set[str] = set()
    while left or right:
        if left and right and left[0] == right[0]:
            left.popleft()
            shared.popleft()
        elif left and right and left[0] in wanted and shared and shared[0] != left[0]:
            left.popleft()
            continue
        elif left and left[0] not in wanted:
            yield left.popleft()
            continue
        elif left and left[0] in given:
            left.popleft()
        if right:
            key = right.popleft()
            given.add(key)
            if shared and shared[0] == key:
                shared.popleft()
            yield key


def _remove(value: Value, gone: FieldSet, schema: Schema) -> Value:
    if not gone or schema.is_leaf(value):
        return value
    kept: list[tuple[str, Value]] = []
    for element, child, below in children(value, schema):
        if (element,) in gone:
            continue
        inside = frozenset(path[1:] for path in gone if path[0] == element)
        kept.append((element, _remove(child, inside, below)))
    if is_object(value):
        return {element.removeprefix("f:"): child for element, child in kept}
    return [child for _, child in kept]
