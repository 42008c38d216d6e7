"""Sets of fields, as managedFields has them.

A field set is a set of paths; a path is the elements that lead to a field, written as in `fieldsV1`:
`f:NAME`, `k:{KEYS OF A LIST ITEM}`, `v:ITEM OF A SET`, and `.` for a list item or an object itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ._json import Object, Value, is_object
from ._schema import Schema

Path: TypeAlias = tuple[str, ...]

FieldSet: TypeAlias = frozenset[Path]


def applied_fields(value: Value, schema: Schema, path: Path = ()) -> Iterator[Path]:
    """Return the fields that `value` owns when it is applied."""
    if schema.is_leaf(value):
        yield path
    elif is_object(value):
        for name, child in value.items():
            if child == {}:
                yield (*path, f"f:{name}")
            yield from applied_fields(child, schema.of(name), (*path, f"f:{name}"))
    else:
        for item in value:
            element = (*path, schema.item_key(item))
            yield element
            if is_object(item):
                yield from applied_fields(item, schema.item, element)


@dataclass(frozen=True)
class FieldChanges:
    added: FieldSet
    removed: FieldSet
    modified: FieldSet


def compare(old: Value, new: Value, schema: Schema) -> FieldChanges:
    added: set[Path] = set()
    removed: set[Path] = set()
    modified: set[Path] = set()

    def everything(value: Value, at: Schema, path: Path, into: set[Path]) -> None:
        if at.is_leaf(value) or not at.inherent:
            into.add(path)
        if not at.is_leaf(value):
            for element, child, below in children(value, at):
                everything(child, below, (*path, element), into)

    def walk(before: Value, after: Value, at: Schema, path: Path) -> None:
        if at.is_leaf(after) or at.is_leaf(before) or type(before) is not type(after):
            if before != after:
                modified.add(path)
            return
        olds = {element: (child, below) for element, child, below in children(before, at)}
        for element, child, below in children(after, at):
            if element in olds:
                walk(olds.pop(element)[0], child, below, (*path, element))
            else:
                everything(child, below, (*path, element), added)
        for element, (child, below) in olds.items():
            everything(child, below, (*path, element), removed)

    walk(old if old is not None else {}, new, schema, ())
    return FieldChanges(frozenset(added), frozenset(removed), frozenset(modified))


def children(value: Value, schema: Schema) -> Iterator[tuple[str, Value, Schema]]:
    if is_object(value):
        for name, child in value.items():
            yield f"f:{name}", child, schema.of(name)
    else:
        for item in value:
            yield schema.item_key(item), item, schema.item


def with_parents(fields: FieldSet) -> FieldSet:
    """Return a field set with the objects that contain its fields."""
    parents = {path for path in _inner(fields) if path[-1].startswith("f:")}
    return fields | parents


def _inner(fields: FieldSet) -> set[Path]:
    """Return the paths of all objects and lists that contain fields of a set."""
    found: set[Path] = set()
    for path in fields:
        found.update(path[:length] for length in range(1, len(path)))
    return found


def to_fields_v1(fields: FieldSet) -> Object:
    """A field set as `fieldsV1`."""
    tree: Object = {}
    inner = _inner(fields)
    for path in sorted(fields):
        node = tree
        for element in path:
            node = node.setdefault(element, {})
        if path in inner:
            node["."] = {}
    return tree


def read_fields_v1(tree: Mapping[str, Value], path: Path = ()) -> Iterator[Path]:
    for element, below in tree.items():
        if element == ".":
            yield path
        elif not below:
            yield (*path, element)
        else:
            yield from read_fields_v1(below, (*path, element))
