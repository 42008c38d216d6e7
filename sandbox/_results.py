"""The results of an action as Juju prints them."""

from collections.abc import Iterator, Mapping
from typing import Any, cast


def results_text(results: Mapping[str, Any]) -> str:
    """Return the results for people: a line for each key, with texts of several lines unchanged."""
    return "\n".join(_lines(results))


def _lines(results: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    deeper = f"{indent}  "
    for key, value in results.items():
        if isinstance(value, Mapping):
            yield f"{indent}{key}:"
            yield from _lines(cast("Mapping[str, Any]", value), deeper)
        elif "\n" in str(value):
            yield f"{indent}{key}: |"
            yield from (f"{deeper}{line}".rstrip() for line in str(value).splitlines())
        else:
            yield f"{indent}{key}: {value}".rstrip()
