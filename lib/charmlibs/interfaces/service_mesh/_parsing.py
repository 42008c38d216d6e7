"""Reads what the other side of a relation wrote, and says what is wrong with it."""

import contextlib
from typing import TypeVar, cast

import pydantic
import pydantic_core

from k8s_charm import one_line, shown_name

from ._models import AppPolicy, MeshPolicy, UnitPolicy

_LONGEST_REASON = 200

_Data = TypeVar("_Data")
_POLICIES = pydantic.TypeAdapter(list[MeshPolicy])


def parse(adapter: pydantic.TypeAdapter[_Data], text: str) -> _Data:
    """The JSON `text` as what the adapter validates.

    Raises:
        ValueError: with one line that names the field, but quotes no more than a bit of the text.
    """
    try:
        return adapter.validate_json(text)
    except pydantic.ValidationError as error:
        raise ValueError(_reason(error)) from None


def parse_policies(text: str) -> tuple[list[MeshPolicy], list[str]]:
    """The policies that can be read from the JSON `text`, and why each of the others can't."""
    try:
        return _POLICIES.validate_json(text), []
    except pydantic.ValidationError:
        return _parse_one_by_one(text)


def parse_declared(text: str) -> list[AppPolicy | UnitPolicy]:
    """The charm's own policies in the JSON `text`; without those that can't be read."""
    try:
        items = pydantic_core.from_json(text)
    except ValueError:
        return []
    policies: list[AppPolicy | UnitPolicy] = []
    for item in cast("list[object]", items) if isinstance(items, list) else []:
        model = AppPolicy if isinstance(item, dict) and "endpoints" in item else UnitPolicy
        with contextlib.suppress(pydantic.ValidationError):
            policies.append(model.model_validate(item))
    return policies


def _parse_one_by_one(text: str) -> tuple[list[MeshPolicy], list[str]]:
    try:
        items = pydantic_core.from_json(text)
    except ValueError as error:
        return [], [f"policies: {error}"]
    if not isinstance(items, list):
        return [], ["policies: not a list"]
    policies: list[MeshPolicy] = []
    reasons: list[str] = []
    for number, item in enumerate(cast("list[object]", items)):
        try:
            policies.append(MeshPolicy.model_validate(item))
        except pydantic.ValidationError as error:
            reasons.append(f"policies[{number}]: {_reason(error)}")
    return policies, reasons


def _reason(error: pydantic.ValidationError) -> str:
    first, *more = error.errors(include_url=False, include_context=False, include_input=False)
    field = ".".join(shown_name(str(part)) for part in first["loc"])
    text = f"{field}: {first['msg']}" if field else first["msg"]
    text = one_line(text, longest=_LONGEST_REASON)
    return f"{text} (and {len(more)} more)" if more else text
