"""Conversion of configurations from the classes of older releases and of charmlibs-nginx-k8s."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ._parts import NginxUpstream

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Part = TypeVar("_Part", bound="DataclassInstance")


def converted(cls: type[_Part], other: object) -> _Part:
    """Return an object of `cls` with another class's values, whose attributes may be private."""
    if isinstance(other, cls):
        return other
    values: dict[str, Any] = {}
    for field in (field for field in dataclasses.fields(cls) if field.init):
        for attribute in (field.name, f"_{field.name}"):
            if hasattr(other, attribute):
                values[field.name] = getattr(other, attribute)
                break
    return cls(**values)


def converted_upstream(other: Any) -> NginxUpstream:
    """Return an upstream, whose addresses another library finds by a key in place of a role."""
    if isinstance(other, NginxUpstream) or hasattr(other, "worker_role"):
        return converted(NginxUpstream, other)
    key: str | None = getattr(other, "address_lookup_key", None)
    return NginxUpstream(
        name=other.name,
        port=other.port,
        worker_role=key or "",
        ignore_worker_role=key is None or getattr(other, "ignore_address_lookup_key", False),
    )


def unless_default(values: Sequence[str] | None, default: Sequence[str]) -> Sequence[str] | None:
    """Return the values, or None if they are the other library's default, which the charm did not choose."""
    return None if values is not None and list(values) == list(default) else values
