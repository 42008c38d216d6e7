"""Who may reach whom, as text that becomes a picture."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ._listing import Row

_LONGEST_LABEL = 5
"""Kinds of requests that are told on an arrow; the rest is counted."""


@dataclass(frozen=True)
class _Graph:
    nodes: Mapping[str, str]
    """Name → a name for the text, which can be anything's."""
    arrows: Mapping[tuple[str, str, bool], Sequence[str]]
    """From, to, whether it is enforced → the requests."""

    @property
    def by_model(self) -> dict[str, list[str]]:
        """The nodes of each model; what is in none is under an empty name."""
        models: dict[str, list[str]] = {}
        for name in self.nodes:
            models.setdefault(_model(name), []).append(name)
        return models


def mermaid(rows: Iterable[Row]) -> str:
    """A flowchart in the language of Mermaid; what is not enforced is dotted."""
    graph = _graph(rows)
    lines = ["flowchart LR"]
    for number, (model, names) in enumerate(graph.by_model.items()):
        lines.append(f'  subgraph m{number}["{_for_mermaid(model or "mesh")}"]')
        lines += [f'    {graph.nodes[name]}["{_for_mermaid(_label(name))}"]' for name in names]
        lines.append("  end")
    for (source, target, enforced), requests in graph.arrows.items():
        text = "<br/>".join(map(_for_mermaid, _shortened(requests)))
        arrow = "-->" if enforced else "-.->"
        lines.append(f'  {graph.nodes[source]} {arrow}|"{text}"| {graph.nodes[target]}')
    return "\n".join(lines)


def graphviz(rows: Iterable[Row]) -> str:
    """A digraph in the language of Graphviz; what is not enforced is dashed."""
    graph = _graph(rows)
    lines = ["digraph mesh {", "  rankdir=LR;", '  node [shape=box, fontname="sans-serif"];']
    lines.append('  edge [fontname="sans-serif", fontsize=10];')
    for number, (model, names) in enumerate(graph.by_model.items()):
        lines += [f"  subgraph cluster_{number} {{", f"    label={_for_graphviz([model or 'mesh'])};"]
        lines += [f"    {graph.nodes[name]} [label={_for_graphviz([_label(name)])}];" for name in names]
        lines.append("  }")
    for (source, target, enforced), requests in graph.arrows.items():
        style = "" if enforced else ", style=dashed"
        label = _for_graphviz(_shortened(requests))
        lines.append(f"  {graph.nodes[source]} -> {graph.nodes[target]} [label={label}{style}];")
    return "\n".join([*lines, "}"])


def _graph(rows: Iterable[Row]) -> _Graph:
    arrows: dict[tuple[str, str, bool], list[str]] = {}
    for row in rows:
        for source in row.sources:
            for target in row.targets:
                requests = arrows.setdefault((source, target, row.state == "enforced"), [])
                on_units = target.startswith("units")
                requests += [f"units: {each}" if on_units else each for each in row.requests]
    merged: dict[tuple[str, str, bool], list[str]] = {}
    for (source, target, enforced), requests in sorted(arrows.items()):
        merged.setdefault((source, _box(target), enforced), []).extend(requests)
    names = sorted({name for source, target, _ in merged for name in (source, target)})
    return _Graph({name: f"n{number}" for number, name in enumerate(names)}, merged)


def _box(target: str) -> str:
    """Units of an application and its Service are one box."""
    return target.removeprefix("units of ")


def _model(name: str) -> str:
    if name.startswith("units in "):
        return name.split()[2]
    place = name.rpartition(" ")[2]
    return place.partition("/")[0] if place.count("/") == 1 else ""


def _label(name: str) -> str:
    model = _model(name)
    return name.replace(f"{model}/", "", 1) if model else name


def _shortened(requests: Sequence[str]) -> list[str]:
    distinct = list(dict.fromkeys(requests))
    more = len(distinct) - _LONGEST_LABEL
    return distinct if more <= 0 else [*distinct[:_LONGEST_LABEL], f"and {more} more"]


def _for_mermaid(text: str) -> str:
    """Mermaid's own way to write characters that mean something to it."""
    return "".join(each if each.isalnum() or each in " -_./:,=*" else f"#{ord(each)};" for each in text)


def _for_graphviz(lines: Sequence[str]) -> str:
    escaped = [
        # Without the first, what looks like an entity of HTML would become what it stands for.
        line.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
        for line in lines
    ]
    return '"' + "\\n".join(escaped) + '"'
