"""Parsing of data from the other side of a relation."""

import contextlib
import json
from typing import TypeVar, cast

import pydantic
import pydantic_core

from relation_data import reason, shown_name

from ._models import AppPolicy, Endpoint, MeshPolicy, UnitPolicy

_Data = TypeVar("_Data")
_POLICIES = pydantic.TypeAdapter(list[MeshPolicy])


class _RepeatedKeyError(Exception):
    """A key that an object in JSON has twice; the message is the key."""


def parse(adapter: pydantic.TypeAdapter[_Data], text: str) -> _Data:
    """Parse and validate JSON.

    Raises:
        ValueError: if the text is invalid; the message is one line that names the field.
    """
    try:
        return adapter.validate_json(text)
    except pydantic.ValidationError as error:
        raise ValueError(reason(error)) from None


def parse_policies(text: str) -> tuple[list[MeshPolicy], list[str]]:
    """Return the valid policies in JSON, and the reason that each of the others is invalid.

    A later version of the library sends each of its fields. An unknown field that is null restricts nothing
    and is ignored; with any other value it may be a restriction, and its policy is invalid. A key that an
    object has twice makes all policies invalid: one of its values may restrict, and only the other counts.
    """
    try:
        _check_keys(text)
    except _RepeatedKeyError as error:
        return [], [f"policies: the key {shown_name(str(error))!r} is repeated"]
    try:
        return _POLICIES.validate_json(text), []
    except pydantic.ValidationError:
        return _parse_one_by_one(text)


def parse_declared(text: str) -> list[AppPolicy | UnitPolicy]:
    """Return the valid ones among a charm's declared policies in JSON."""
    policies: list[AppPolicy | UnitPolicy] = []
    with contextlib.suppress(ValueError):
        for item in _items(text):
            with contextlib.suppress(pydantic.ValidationError):
                policies.append(_declared(item))
    return policies


def _declared(item: object) -> AppPolicy | UnitPolicy:
    if isinstance(item, dict) and "endpoints" in item:
        return AppPolicy.model_validate(_without_unset(cast("object", item), AppPolicy))
    return UnitPolicy.model_validate(_without_unset(cast("object", item), UnitPolicy))


def _parse_one_by_one(text: str) -> tuple[list[MeshPolicy], list[str]]:
    try:
        items = _items(text)
    except ValueError as error:
        return [], [f"policies: {error}"]
    policies: list[MeshPolicy] = []
    reasons: list[str] = []
    for number, item in enumerate(items):
        try:
            policies.append(MeshPolicy.model_validate(_without_unset(item, MeshPolicy)))
        except pydantic.ValidationError as error:
            reasons.append(f"policies[{number}]: {reason(error)}")
    return policies, reasons


def _check_keys(text: str) -> None:
    # Text that is not JSON, or nested too deep, is reported by the parser of policies.
    with contextlib.suppress(ValueError, RecursionError):
        json.loads(text, object_pairs_hook=_without_repeated_keys)


def _without_repeated_keys(pairs: list[tuple[str, object]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise _RepeatedKeyError(key)
        seen.add(key)


def _items(text: str) -> list[object]:
    items = pydantic_core.from_json(text)
    if not isinstance(items, list):
        raise ValueError("not a list")
    return cast("list[object]", items)


def _without_unset(item: object, model: type[pydantic.BaseModel]) -> object:
    """Return an item without null fields that the model and its endpoints do not have."""
    if not isinstance(item, dict):
        return item
    fields = cast("dict[str, object]", item).items()
    known = {key: value for key, value in fields if value is not None or key in model.model_fields}
    if isinstance(endpoints := known.get("endpoints"), list):
        known["endpoints"] = [_without_unset(each, Endpoint) for each in cast("list[object]", endpoints)]
    return known
