"""The report of a measurement, for people."""

import itertools
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from .findings import OURS, PEERS, Finding
from .goals import Goal


def show(console: Console, title: str, findings: Sequence[Finding]) -> None:
    """Print a table: the median, the least and the greatest value of each side, and their ratio."""
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


def show_summary(console: Console, findings: Iterable[Finding], goals: Sequence[Goal]) -> None:
    """Print the most important figures and the missed goals on one screen."""
    table = Table(title="medians", title_justify="left", header_style="bold")
    table.add_column("measured", no_wrap=True, overflow="ellipsis")
    for header in ("how many", OURS, PEERS, "times better"):
        table.add_column(header, justify="right", no_wrap=True)
    for finding in findings:
        case, quantity = finding.case, finding.quantity
        name = " · ".join(filter(None, (case.topic, case.api, case.name, quantity.name)))
        medians = (finding.median(OURS), finding.median(PEERS))
        table.add_row(
            f"{name}, {quantity.unit}" if quantity.unit else name,
            f"{case.size:,}" if case.size is not None else "",
            *("" if each is None else number(each) for each in medians),
            "" if finding.ratio is None else number(finding.ratio),
        )
    console.print(table)
    measured = [goal for goal in goals if goal.measured]
    missed = [goal for goal in measured if not goal.met]
    console.print(f"goals: of {len(measured)} that were measured {len(measured) - len(missed)} are met")
    for goal in missed:
        console.print(f"missed: {goal.text}: {goal.measured}")


def verdict(goal: Goal) -> str:
    """Return whether a goal is met."""
    if not goal.measured:
        return "not measured"
    return "yes" if goal.met else "no"


def spread(values: Sequence[float]) -> str:
    """Return the median, with the range in brackets; an empty text without values."""
    if not values:
        return ""
    ordered = sorted(values)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    if ordered[0] == ordered[-1]:
        return number(middle)
    return f"{number(middle)} ({number(ordered[0])} to {number(ordered[-1])})"


def number(value: float) -> str:
    """Return a number with its significant digits."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
