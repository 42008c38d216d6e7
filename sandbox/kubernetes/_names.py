"""The syntax of names, labels and keys, and the messages for those that break it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ._kinds import NameRule
from ._status import Cause, invalid_value

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_LABEL_1035 = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_DATA_KEY = r"[-._a-zA-Z0-9]+"
_LONGEST = 63
_IN_QUALIFIED = (
    "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)


def _regex_says(what: str, pattern: str, *examples: str) -> str:
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{what} (e.g. {shown}regex used for validation is '{pattern}')"


@dataclass(frozen=True)
class _NameSyntax:
    pattern: str
    longest: int
    what: str
    examples: tuple[str, ...]

    def against(self, name: str) -> Iterator[str]:
        if len(name) > self.longest:
            yield f"must be no more than {self.longest} characters"
        if not re.fullmatch(self.pattern, name):
            yield _regex_says(self.what, self.pattern, *self.examples)


_SUBDOMAIN = _NameSyntax(
    rf"{_LABEL}(\.{_LABEL})*",
    253,
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character",
    ("example.com",),
)
_SYNTAX: Mapping[NameRule, _NameSyntax] = {
    "subdomain": _SUBDOMAIN,
    "label": _NameSyntax(
        _LABEL,
        63,
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
        "and must start and end with an alphanumeric character",
        ("my-name", "123-abc"),
    ),
    "label_1035": _NameSyntax(
        _LABEL_1035,
        63,
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
        "start with an alphabetic character, and end with an alphanumeric character",
        ("my-name", "abc-123"),
    ),
}


def name_problems(rule: NameRule, name: str) -> Iterator[str]:
    """Return the errors in the name of an object."""
    if rule == "path_segment":
        yield from (f"may not be '{word}'" for word in (".", "..") if name == word)
        yield from (f"may not contain '{sign}'" for sign in "/%" if sign in name)
    elif rule == "label" and "." in name:
        yield "must not contain dots"
    else:
        yield from _SYNTAX[rule].against(name)


def label_problems(labels: Mapping[str, str], path: str) -> Iterator[Cause]:
    """Return the errors in labels, keys and values."""
    for key, value in labels.items():
        yield from key_problems([key], path)
        for why in label_value_problems(value):
            yield invalid_value(path, value, why)


def key_problems(keys: Iterable[str], path: str) -> Iterator[Cause]:
    """Return the errors in the keys of labels or annotations."""
    for key in keys:
        prefix, slash, name = key.rpartition("/")
        if slash and not prefix:
            yield invalid_value(path, key, "prefix part must be non-empty")
        elif slash:
            for why in _SUBDOMAIN.against(prefix):
                yield invalid_value(path, key, f"prefix part {why}")
        if not name:
            yield invalid_value(path, key, "name part must be non-empty")
        elif len(name) > _LONGEST:
            yield invalid_value(path, key, f"name part must be no more than {_LONGEST} characters")
        if not re.fullmatch(_QUALIFIED, name):
            what = f"name part must consist of {_IN_QUALIFIED}"
            yield invalid_value(path, key, _regex_says(what, _QUALIFIED, "MyName", "my.name", "123-abc"))


def label_value_problems(value: str) -> Iterator[str]:
    """Return the errors in the value of a label."""
    if len(value) > _LONGEST:
        yield f"must be no more than {_LONGEST} characters"
    if value and not re.fullmatch(_QUALIFIED, value):
        what = f"a valid label must be an empty string or consist of {_IN_QUALIFIED}"
        yield _regex_says(what, f"({_QUALIFIED})?", "MyValue", "my_value", "12345")


def data_key_problems(keys: Iterable[str], path: str) -> Iterator[Cause]:
    """Return the errors in the keys of a ConfigMap or a Secret."""
    what = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
    for key in keys:
        if not re.fullmatch(_DATA_KEY, key):
            why = _regex_says(what, _DATA_KEY, "key.name", "KEY_NAME", "key-name")
            yield invalid_value(f"{path}[{key}]", key, why)
