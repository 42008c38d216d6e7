"""Knowledge of the API about the fields of a kind: types, defaults, and the merging of lists."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Literal

from ._json import Object, Value, is_list, is_object
from ._status import Cause, invalid_value, required, unsupported

Type = Literal["any", "object", "array", "string", "integer", "boolean"]

_PYTHON_TYPES: Mapping[Type, type] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
}
_APPLY_TYPES: Mapping[Type, str] = {"object": "map", "array": "list", "integer": "numeric (int or float)"}


@dataclass(frozen=True)
class Rule:
    """A validation rule of a CRD: a condition on a value besides its type."""

    message: str
    holds: Callable[[Value], bool]


@dataclass(frozen=True, kw_only=True)
class Schema:
    """The values that are valid. Without restrictions, all are: `ANY`."""

    type: Type = "any"
    fields: Mapping[str, Schema] = field(default_factory=dict[str, "Schema"])
    """The fields of an object that are known."""
    closed: bool = False
    """Whether an object has no fields but the known ones; others are dropped."""
    values: Schema | None = None
    """What each value of a map is."""
    items: Schema | None = None
    """What each item of a list is."""
    required: Sequence[str] = ()
    default: Value = None
    inherent: bool = False
    """True if every object has it, even empty; then no writer owns it as such."""
    omit_empty: bool = False
    """Whether an empty map or list is the same as none."""
    atomic: bool = False
    """Whether server-side apply takes an object as one whole; lists without `keys` or `unique` always are."""
    keys: Sequence[str] = ()
    """The fields that identify the objects of a list in server-side apply."""
    merge_key: str = ""
    """The field that identifies the objects of a list in a strategic merge patch."""
    unique: bool = False
    """Whether a list is a set of scalars."""
    enum: Sequence[str] = ()
    pattern: str = ""
    min_length: int = 0
    max_length: int | None = None
    min_items: int = 0
    max_items: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    rules: Sequence[Rule] = ()

    def of(self, name: str) -> Schema:
        """Return the schema of the field `name` of this object."""
        return self.fields.get(name) or self.values or ANY

    @property
    def item(self) -> Schema:
        """Return the schema of each item of this list."""
        return self.items or ANY

    def is_leaf(self, value: Value) -> bool:
        """Return whether server-side apply takes `value` as one whole."""
        if is_object(value):
            return self.atomic
        if is_list(value):
            return not (self.keys or self.unique)
        return True

    def item_key(self, item: Value) -> str:
        """Return the key of this item of a list in a field set."""
        if self.unique:
            return "v:" + json.dumps(item, separators=(",", ":"))
        named = {key: item.get(key, self.item.of(key).default) for key in self.keys}
        known = {key: value for key, value in sorted(named.items()) if value is not None}
        return "k:" + json.dumps(known, separators=(",", ":"))


ANY = Schema()
STRING = Schema(type="string")
INTEGER = Schema(type="integer")
BOOLEAN = Schema(type="boolean")
MAP = Schema(type="object", values=STRING)
ATOMIC = Schema(type="object", atomic=True)


def struct(
    fields: Mapping[str, Schema],
    *,
    required: Sequence[str] = (),
    closed: bool = False,
    inherent: bool = False,
    default: Value = None,
    rules: Sequence[Rule] = (),
) -> Schema:
    """An object with these fields, and others unless it is closed."""
    return Schema(
        type="object",
        fields=fields,
        required=required,
        closed=closed,
        inherent=inherent,
        default=default,
        rules=rules,
    )


def keyed(
    items: Schema, *keys: str, merge_key: str = "", inherent: bool = False, omit_empty: bool = False
) -> Schema:
    """Return the schema of a list of objects that some of their fields identify."""
    return Schema(
        type="array",
        items=items,
        keys=keys,
        merge_key=merge_key or keys[0],
        inherent=inherent,
        omit_empty=omit_empty,
    )


def complete(value: Value, schema: Schema) -> None:
    """Convert, in place, a sent value to the stored one: known fields only, defaults for missing ones."""
    if is_object(value):
        for name in list(value):
            child = schema.of(name)
            unknown = schema.closed and name not in schema.fields
            if unknown or value[name] is None or (child.omit_empty and value[name] in ({}, [])):
                del value[name]
        for name, child in schema.fields.items():
            if name not in value and child.inherent and child.type == "object":
                value[name] = {}
            if name not in value and child.default is not None:
                value[name] = deepcopy(child.default)
        for name, item in value.items():
            complete(item, schema.of(name))
    elif is_list(value):
        for item in value:
            complete(item, schema.item)


def untyped(value: Value, schema: Schema, path: str = "") -> Iterator[str]:
    """Return unknown fields and wrong types, in the words of server-side apply."""
    if schema.type != "any" and not _is_a(value, schema.type):
        wanted = _APPLY_TYPES.get(schema.type, schema.type)
        yield f"{path}: expected {wanted}, got &value.valueUnstructured{{Value:{json.dumps(value)}}}"
    elif is_object(value):
        for name, child in value.items():
            if schema.closed and name not in schema.fields:
                yield f"{path}.{name}: field not declared in schema"
            elif child is not None:
                yield from untyped(child, schema.of(name), f"{path}.{name}")
    elif is_list(value):
        for index, item in enumerate(value):
            yield from untyped(item, schema.item, f"{path}[{index}]")


def mistyped(value: Value, schema: Schema, path: str = "") -> Iterator[str]:
    """Return the fields that do not fit Kubernetes' own types, in the words of its JSON decoder."""
    if value is None:
        return
    if schema.type != "any" and not _is_a(value, schema.type):
        wanted = {"integer": "int32", "boolean": "bool"}.get(schema.type, schema.type)
        kind = {"integer": "number", "boolean": "bool"}.get(_type_of(value), _type_of(value))
        yield f"json: cannot unmarshal {kind} into Go struct field {path} of type {wanted}"
    elif is_object(value):
        for name, item in value.items():
            yield from mistyped(item, schema.of(name), f"{path}.{name}" if path else name)
    elif is_list(value):
        for item in value:
            yield from mistyped(item, schema.item, path)


def problems(value: Value, schema: Schema, path: str = "") -> Iterator[Cause]:
    """Return the errors of a value by the schema."""
    if schema.type != "any" and not _is_a(value, schema.type):
        name = _type_of(value)
        why = f'{path} in body must be of type {schema.type}: "{name}"'
        yield Cause("FieldValueTypeInvalid", f'Invalid value: "{name}": {why}', path)
        if schema.enum:
            yield unsupported(path, value, schema.enum)
    elif is_object(value):
        yield from _object_problems(value, schema, path)
    elif is_list(value):
        yield from _list_problems(value, schema, path)
    elif isinstance(value, str):
        yield from _string_problems(value, schema, path)
    elif isinstance(value, int):
        yield from _integer_problems(value, schema, path)


def duplicates(value: Value, schema: Schema, path: str = "") -> Iterator[Cause]:
    """Return the items of lists that should be unique and are not."""
    if is_object(value):
        for name, item in value.items():
            yield from duplicates(item, schema.of(name), f"{path}.{name}" if path else name)
    elif is_list(value):
        seen: set[str] = set()
        for index, item in enumerate(value):
            yield from duplicates(item, schema.item, f"{path}[{index}]")
            if not schema.is_leaf(value):
                key = schema.item_key(item)
                if key in seen:
                    yield Cause("FieldValueDuplicate", f"Duplicate value: {key[2:]}", f"{path}[{index}]")
                seen.add(key)


def violations(value: Value, schema: Schema, path: str = "") -> Iterator[Cause]:
    """Return the rules that are violated."""
    for rule in schema.rules:
        if not rule.holds(value):
            yield Cause("FieldValueInvalid", f'Invalid value: "{_type_of(value)}": {rule.message}', path)
    if is_object(value):
        for name, item in value.items():
            below = f"{path}[{name}]" if schema.values else f"{path}.{name}" if path else name
            yield from violations(item, schema.of(name), below)
    elif is_list(value):
        for index, item in enumerate(value):
            yield from violations(item, schema.item, f"{path}[{index}]")


def _object_problems(value: Object, schema: Schema, path: str) -> Iterator[Cause]:
    prefix = f"{path}." if path else ""
    for name in schema.required:
        if value.get(name) is None or (schema.of(name).inherent and not value[name]):
            yield required(f"{prefix}{name}")
    for name, item in value.items():
        yield from problems(item, schema.of(name), f"{prefix}{name}")


def _list_problems(value: list[Value], schema: Schema, path: str) -> Iterator[Cause]:
    if len(value) < schema.min_items:
        yield invalid_value(path, len(value), f"{path} in body should have at least {schema.min_items} items")
    if schema.max_items is not None and len(value) > schema.max_items:
        message = f"Too many: {len(value)}: must have at most {schema.max_items} items"
        yield Cause("FieldValueTooMany", message, path)
    for index, item in enumerate(value):
        yield from problems(item, schema.item, f"{path}[{index}]")


def _string_problems(value: str, schema: Schema, path: str) -> Iterator[Cause]:
    if schema.max_length is not None and len(value) > schema.max_length:
        message = f"Too long: may not be more than {schema.max_length} bytes"
        yield Cause("FieldValueTooLong", message, path)
    elif len(value) < schema.min_length:
        yield invalid_value(path, value, f"{path} in body should be at least {schema.min_length} chars long")
    elif schema.pattern and (value.endswith("\n") or not re.search(schema.pattern, value)):
        yield invalid_value(path, value, f"{path} in body should match '{schema.pattern}'")
    if schema.enum and value not in schema.enum:
        yield unsupported(path, value, schema.enum)


def _integer_problems(value: int, schema: Schema, path: str) -> Iterator[Cause]:
    if schema.minimum is not None and value < schema.minimum:
        why = f"{path} in body should be greater than or equal to {schema.minimum}"
        yield invalid_value(path, value, why)
    if schema.maximum is not None and value > schema.maximum:
        yield invalid_value(path, value, f"{path} in body should be less than or equal to {schema.maximum}")


def _is_a(value: Value, kind: Type) -> bool:
    if kind == "integer" and isinstance(value, bool):
        return False
    return isinstance(value, _PYTHON_TYPES[kind])


def _type_of(value: Value) -> str:
    return next((name for name in _PYTHON_TYPES if _is_a(value, name)), "null" if value is None else "number")
