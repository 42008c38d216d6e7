"""What was measured, for people."""

import itertools
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from .findings import OURS, PEERS, Finding
from .goals import Goal


def show(console: Console, title: str, findings: Sequence[Finding]) -> None:
    """Print a table: the median of each side, the least and the most of its runs, and how they compare."""
    sides = list(
        dict.fromkeys((OURS, PEERS, *itertools.chain.from_iterable(each.values for each in findings)))
    )
    table = Table(title=title, title_justify="left", header_style="bold")
    table.add_column("measured")
    for header in ("how many", *sides, "times better"):
        table.add_column(header, justify="right", no_wrap=True)
    last = None
    for finding in findings:
        case = finding.case
        if last and case != last:
            table.add_section()
        name = " · ".join(filter(None, (case.api, case.name)))
        unit = f", {finding.quantity.unit}" if finding.quantity.unit else ""
        table.add_row(
            f"{name}: {finding.quantity.name}{unit}" if case != last else f"  {finding.quantity.name}{unit}",
            f"{case.size:,}" if case.size is not None and case != last else "",
            *(spread(finding.values.get(side, ())) for side in sides),
            "" if finding.ratio is None else f"{number(finding.ratio)}",
        )
        last = case
    console.print(table)


def show_goals(console: Console, goals: Sequence[Goal]) -> None:
    """Print each goal, what was measured, and whether that meets it."""
    table = Table(title="goals", title_justify="left", header_style="bold")
    for header in ("goal", "measured", "met"):
        table.add_column(header)
    for goal in goals:
        table.add_row(goal.text, goal.measured, verdict(goal))
    console.print(table)


def verdict(goal: Goal) -> str:
    """Whether a goal is met."""
    if not goal.measured:
        return "not measured"
    return "yes" if goal.met else "no"


def spread(values: Sequence[float]) -> str:
    """The median, and in brackets what it lies between; an empty text for no values."""
    if not values:
        return ""
    ordered = sorted(values)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    if ordered[0] == ordered[-1]:
        return number(middle)
    return f"{number(middle)} ({number(ordered[0])} to {number(ordered[-1])})"


def number(value: float) -> str:
    """A number with as many digits as mean something."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
