"""Label and field selectors, as they are written in a request's query."""

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from ._json import Object
from ._names import key_problems, label_value_problems
from ._status import bad_request, invalid_value

Predicate: TypeAlias = Callable[[Mapping[str, str]], bool]

_KEY = r"[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?"
_TERM = re.compile(
    rf"""\s*(?:
        !\s*(?P<absent>{_KEY})
      | (?P<set_key>{_KEY})\s+(?P<set_op>in|notin)\s*\((?P<values>[^()]*)\)
      | (?P<key>{_KEY})\s*(?P<op>==|=|!=)\s*(?P<value>[^,\s]*)
      | (?P<present>{_KEY})
    )\s*(?:,|$)""",
    re.VERBOSE,
)


def label_selector(text: str) -> Predicate:
    """Read a label selector, equality-based and set-based.

    Raises:
        ApiError: the selector cannot be parsed (400).
    """
    terms: list[Predicate] = []
    position = 0
    while position < len(text):
        match = _TERM.match(text, position)
        if match is None:
            raise bad_request(f'unable to parse requirement: found "{text[position:]}", expected: identifier')
        terms.append(_label_term(match))
        position = match.end()
    return lambda labels: all(term(labels) for term in terms)


def _label_term(match: re.Match[str]) -> Predicate:
    parts = match.groupdict()
    _check_syntax(parts["absent"] or parts["present"] or parts["set_key"] or parts["key"], parts["value"])
    if key := parts["absent"]:
        return lambda labels: key not in labels
    if key := parts["present"]:
        return lambda labels: key in labels
    if key := parts["set_key"]:
        values = {value.strip() for value in parts["values"].split(",")}
        if parts["set_op"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    key, wanted = parts["key"], parts["value"]
    if parts["op"] == "!=":
        return lambda labels: labels.get(key) != wanted
    return lambda labels: labels.get(key) == wanted


def _check_syntax(key: str, value: str | None) -> None:
    wrong = [*key_problems([key], "key")]
    wrong += [invalid_value(f"values[0][{key}]", value, why) for why in label_value_problems(value or "")]
    for cause in wrong:
        raise bad_request(f"unable to parse requirement: {cause.field}: {cause.message}")


_SELECTABLE = {"Service": ("spec.clusterIP", "spec.type")}
"""The fields of kinds that selectors may name besides an object's name and namespace."""


def field_selector(text: str, kind: str) -> Callable[[Object], bool]:
    """Read a field selector for objects of a kind.

    Raises:
        ApiError: another field, or a selector that cannot be parsed (400).
    """
    known = ("metadata.name", "metadata.namespace", *_SELECTABLE.get(kind, ()))
    terms: list[tuple[str, str, bool, str]] = []
    for term in filter(None, text.split(",")):
        match = re.fullmatch(r"([^=!]+)(==|=|!=)(.*)", term)
        if match is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{term}'")
        field, operator, value = match.groups()
        if field not in known:
            names = ", ".join(f'"{name}"' for name in known)
            raise bad_request(f'"{field}" is not a known field selector: only {names}')
        part, _, name = field.partition(".")
        terms.append((part, name, operator != "!=", value))
    return lambda obj: all(
        (obj.get(part, {}).get(name, "") == value) == wanted for part, name, wanted, value in terms
    )
