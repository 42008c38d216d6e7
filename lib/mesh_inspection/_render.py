"""Results of actions: numbered lists, rows of policies as a text table, and as a Mermaid flowchart."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from ._list import Row

Results: TypeAlias = "Mapping[str, str | Results]"
"""Action results: texts, by keys of lowercase letters, digits and dashes."""

_GAP = "  "
_MOST_LINES = 50
_LONGEST_LINE = 200
_LONGEST_LABEL = 5
"""Kinds of requests that are shown on an arrow; the rest is counted."""


def table(headings: Sequence[str], rows: Sequence[Sequence[Sequence[str]]]) -> str:
    """Return a table of plain text; a cell may have several lines."""
    lines = [tuple(headings)]
    for row in rows:
        lines += _lines(row)
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    return "\n".join(
        _GAP.join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def shortened(lines: Sequence[str], *, most: int = _MOST_LINES, longest: int = _LONGEST_LINE) -> list[str]:
    """Return the first lines, each cut where it is long, and the number of the others."""
    shown = [each if len(each) <= longest else f"{each[:longest]}…" for each in lines[:most]]
    more = len(lines) - most
    return shown if more <= 0 else [*shown, f"and {more} more"]


def numbered(items: "Sequence[str | Results]") -> Results:
    """Return a list, which Juju does not have, as keys that sort in its order."""
    digits = len(str(len(items)))
    return {f"{number:0{digits}}": item for number, item in enumerate(items, 1)}


def _lines(row: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    height = max(1, *map(len, row))
    return [tuple(cell[number] if number < len(cell) else "" for cell in row) for number in range(height)]


def mermaid(rows: Iterable[Row]) -> str:
    """Return a flowchart of the allowed requests; policies that are not enforced are dotted."""
    arrows = _arrows(rows)
    names = sorted(set[str]().union(*((source, target) for source, target, _ in arrows)))
    # A name may contain any character.
    nodes = {name: f"n{number}" for number, name in enumerate(names)}
    models: dict[str, list[str]] = {}
    for name in names:
        models.setdefault(_model(name), []).append(name)
    lines = ["flowchart LR"]
    for number, (model, members) in enumerate(models.items()):
        lines.append(f'  subgraph m{number}["{_escaped(model or "mesh")}"]')
        lines += [f'    {nodes[name]}["{_escaped(_label(name))}"]' for name in members]
        lines.append("  end")
    for (source, target, enforced), requests in arrows.items():
        distinct = list(dict.fromkeys(requests))
        text = "<br/>".join(map(_escaped, shortened(distinct, most=_LONGEST_LABEL)))
        lines.append(f'  {nodes[source]} {"-->" if enforced else "-.->"}|"{text}"| {nodes[target]}')
    return "\n".join(lines)


def _arrows(rows: Iterable[Row]) -> dict[tuple[str, str, bool], list[str]]:
    """Return the requests from one box to another, by whether they are enforced."""
    requests: dict[tuple[str, str, bool], list[str]] = {}
    for row in rows:
        for source in row.sources:
            for target in row.targets:
                found = requests.setdefault((source, target, row.state == "enforced"), [])
                on_units = target.startswith("units")
                found += [f"units: {each}" if on_units else each for each in row.requests]
    arrows: dict[tuple[str, str, bool], list[str]] = {}
    for (source, target, enforced), found in sorted(requests.items()):
        # Units of an application and its Service are one box.
        arrows.setdefault((source, target.removeprefix("units of "), enforced), []).extend(found)
    return arrows


def _model(name: str) -> str:
    if name.startswith("units in "):
        return name.split()[2]
    place = name.rpartition(" ")[2]
    return place.partition("/")[0] if place.count("/") == 1 else ""


def _label(name: str) -> str:
    model = _model(name)
    return name.replace(f"{model}/", "", 1) if model else name


def _escaped(text: str) -> str:
    """Return a text with the characters that have a meaning in Mermaid escaped."""
    return "".join(each if each.isalnum() or each in " -_./:,=*" else f"#{ord(each)};" for each in text)
