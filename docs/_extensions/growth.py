"""Draws how measured quantities grow, out of what a run of the benchmarks left."""

import io
from pathlib import Path
from typing import ClassVar

import matplotlib as mpl
from docutils import nodes
from docutils.parsers.rst import directives
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from tools.benchmarks.findings import Document, Finding
from tools.benchmarks.report import number

_COLUMNS = 3
_INCHES = (3.4, 2.7)
_MARKERS = "os^D"
_GREY = "0.5"  # to be read on a light page and on a dark one


class Growth(SphinxDirective):
    """A block of lines `topic | case | quantity`, each of which becomes a diagram over the sizes.

    With `:api:`, only what was measured on a Kubernetes API whose name ends so.
    """

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {"api": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """Return the picture."""
        file, path = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(file)
        document = Document.from_json(Path(path).read_text())
        panels = [_findings(document, line, self.options.get("api", "")) for line in self.content]
        return [nodes.container("", nodes.raw("", _draw(panels), format="html"), classes=["diagram"])]


def _findings(document: Document, line: str, api: str) -> list[Finding]:
    topic, name, quantity = map(str.strip, line.split("|"))
    found = document.findings.of(topic, quantity, name=name, api=api)
    if not found:
        raise ValueError(f"nothing was measured of {line}")
    return sorted(found, key=lambda finding: finding.case.size or 0)


def _draw(panels: list[list[Finding]]) -> str:
    rows = -(-len(panels) // _COLUMNS)
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "growth", "font.size": 9}):
        figure = Figure((_INCHES[0] * _COLUMNS, _INCHES[1] * rows), layout="constrained")
        for number, findings in enumerate(panels, 1):
            _draw_one(figure.add_subplot(rows, _COLUMNS, number), findings)
        svg = io.StringIO()
        figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None})
    return svg.getvalue().partition("<svg")[2].join(("<svg", ""))


def _draw_one(axes: Axes, findings: list[Finding]) -> None:
    first = findings[0]
    sizes = [each.case.size or 0 for each in findings]
    for side, marker in zip(first.values, _MARKERS, strict=False):
        medians = [each.median(side) or 0 for each in findings]
        axes.plot(sizes, medians, marker=marker, label=side)
        for size, median in zip(sizes, medians, strict=True):
            place = {"textcoords": "offset points", "xytext": (0, 5), "ha": "center"}
            axes.annotate(number(median), (size, median), fontsize=7, color=_GREY, **place)
    axes.set_xscale("log")
    axes.margins(0.15, 0.2)
    axes.set_yscale("symlog" if _has_zero(findings) else "log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes], minor=False)
    axes.set_xticks([], minor=True)
    topic = first.case.topic.rpartition(": ")[2]
    unit = f", {first.quantity.unit}" if first.quantity.unit else ""
    axes.set_title(f"{topic}: {first.case.name}\n{first.quantity.name}{unit}", fontsize=9, color=_GREY)
    axes.tick_params(colors=_GREY, which="both")
    for spine in axes.spines.values():
        spine.set_color(_GREY)
    axes.grid(color=_GREY, alpha=0.25, which="both")
    axes.legend(fontsize=8, labelcolor=_GREY, framealpha=0)


def _has_zero(findings: list[Finding]) -> bool:
    medians: list[float | None] = []
    for finding in findings:
        medians += map(finding.median, finding.values)
    return 0 in medians


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("growth", Growth)
    return {"parallel_read_safe": True}
