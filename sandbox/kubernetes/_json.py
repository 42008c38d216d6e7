"""JSON as Kubernetes objects have it."""

from typing import Any, TypeAlias, TypeGuard

Value: TypeAlias = Any
"""Whatever JSON can hold: its shape is known only to the schema of its kind."""
Object: TypeAlias = dict[str, Value]


def is_object(value: Value) -> TypeGuard[Object]:
    """Return whether a value is an object."""
    return isinstance(value, dict)


def is_list(value: Value) -> TypeGuard[list[Value]]:
    """Return whether a value is a list."""
    return isinstance(value, list)


def mapping(value: Value) -> Object:
    """An object that may be missing."""
    return value if is_object(value) else {}


def sequence(value: Value) -> list[Value]:
    """A list that may be missing."""
    return value if is_list(value) else []


def labels_of(obj: Object) -> dict[str, str]:
    """The labels of an object, or of a pod template."""
    return mapping(mapping(obj.get("metadata")).get("labels"))
