"""`python -m tools.benchmarks.tables`: the findings of a run, as tables of a page of the documentation."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from . import (
    coordinators,
    goals,
    hook_tools,
    istiod_work,
    joining,
    policies,
    scale,
    start_up,
    summary,
    telemetry,
)
from .findings import (
    CPU,
    MEMORY,
    OURS,
    PEERS,
    REQUESTS,
    SECONDS,
    SERVER_CPU,
    WRITES,
    Case,
    Document,
    Finding,
    Findings,
    Quantity,
)
from .report import number, verdict
from .sides import ROOT

_PLACE = re.compile(r"(<!-- table: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_JSON = ROOT / "build" / "benchmarks.json"
_QUANTITIES: dict[str, tuple[str, tuple[Quantity, ...]]] = {
    "joining": (joining.TOPIC, (joining.ENFORCED, joining.RESTARTS, joining.HOOKS)),
    "policies": (policies.TOPIC, (SECONDS, CPU, SERVER_CPU, MEMORY)),
    "policy-requests": (policies.TOPIC, (REQUESTS, WRITES)),
    "coordinator": (coordinators.TOPIC, (SECONDS, CPU, REQUESTS, WRITES)),
    "hook-tools": (hook_tools.TOPIC, (hook_tools.CALLS,)),
    "start-up": (start_up.TOPIC, (SECONDS, CPU)),
    "packages": (start_up.PACKAGES, (start_up.IMPORT_TIME,)),
    "configuration": (telemetry.TOPIC, (telemetry.RENDER, telemetry.RELOAD)),
    "telemetry": (
        telemetry.TOPIC,
        (telemetry.RATE, telemetry.MEDIAN, telemetry.P99, telemetry.NGINX_CPU),
    ),
    "scale-policies": (
        scale.POLICIES,
        (SECONDS, REQUESTS, MEMORY, policies.DATABAGS, policies.LARGEST_DATABAG),
    ),
    "scale-workers": (
        scale.WORKERS,
        (SECONDS, REQUESTS, MEMORY, coordinators.DATABAGS, coordinators.NGINX_CONFIG),
    ),
    "scale-nginx": (scale.NGINX, (telemetry.CONFIG, telemetry.RENDER, telemetry.RELOAD)),
    "istiod-start": (
        istiod_work.START,
        (
            istiod_work.OBJECTS,
            istiod_work.LARGEST,
            istiod_work.STATUSES,
            CPU,
            istiod_work.ISTIOD_MEMORY,
        ),
    ),
    "istiod-change": (istiod_work.CHANGE, (SECONDS, istiod_work.SENT, istiod_work.RESOURCES, CPU)),
}


def fill(page: str, document: Document) -> str:
    """Put a run's tables in their places on a page.

    A place is between two comments, `<!-- table: NAME -->` and `<!-- end -->`.
    """
    return _PLACE.sub(lambda place: f"{place[1]}\n{table(place['name'], document)}\n\n{place[3]}", page)


def table(name: str, document: Document) -> str:
    """Return one table in Markdown: `run`, `goals`, `summary`, or that of a topic.

    Raises:
        KeyError: there is no such table.
    """
    if name == "run":
        return "\n".join(_run(document))
    if name == "goals":
        return "\n".join(_goals(document))
    if name == "summary":
        return "\n".join(_summary(document))
    topic, quantities = _QUANTITIES[name]
    return "\n".join(_measured(document.findings, topic, quantities))


def _run(document: Document) -> Iterator[str]:
    about = document.about
    machine = about["machine"]
    yield from _header("", "")
    yield from map(
        _row,
        (
            ("when", f"{about['began']}, for {about['minutes']} minutes, `--size {about['size']}`"),
            ("of", f"commit {about['commit'][:12]}"),
            (
                "machine",
                f"{machine['processors']} processors, {machine['architecture']}, {machine['system']}",
            ),
            ("load when it began", number(machine["load when it began"])),
            ("a call of a hook tool", f"{number(about['hook tool, ms'])} ms"),
            ("Python", machine["python"]),
        ),
    )
    for side, versions in about["versions"].items():
        yield _row((side, ", ".join(f"{package} {version}" for package, version in versions.items())))


def _goals(document: Document) -> Iterator[str]:
    yield from _header("goal", "measured", "met")
    for goal in goals.reached(document.findings, document.processors):
        yield _row((goal.text, goal.measured, verdict(goal)))


def _summary(document: Document) -> Iterator[str]:
    yield from _header("measured", "how many", "ours / peers (times better)")
    for finding in summary.headlines(document.findings):
        case, quantity = finding.case, finding.quantity
        name = " · ".join(filter(None, (case.topic, case.api, case.name, quantity.name)))
        size = "" if case.size is None else f"{case.size:,}"
        yield _row((f"{name}, {quantity.unit}" if quantity.unit else name, size, _cell(finding)))


def _measured(findings: Findings, topic: str, quantities: Sequence[Quantity]) -> Iterator[str]:
    cases: dict[Case, dict[Quantity, Finding]] = {}
    for finding in findings.of(topic):
        if finding.quantity in quantities:
            cases.setdefault(finding.case, {})[finding.quantity] = finding
    sized = any(case.size is not None for case in cases)
    heads = [f"{each.name}, {each.unit}" if each.unit else each.name for each in quantities]
    yield from _header("measured", *(["how many"] if sized else []), *heads)
    for case, found in cases.items():
        name = " · ".join(filter(None, (case.api, case.name)))
        size = [f"{case.size:,}" if case.size is not None else ""] if sized else []
        yield _row((name, *size, *(_cell(found.get(each)) for each in quantities)))


def _cell(finding: Finding | None) -> str:
    """Return the medians of the sides, with the ratio in brackets."""
    if not finding:
        return ""
    compared = (OURS, PEERS) if OURS in finding.values else ()
    sides = [*compared, *(side for side in finding.values if side not in compared)]
    medians = " / ".join("-" if (each := finding.median(side)) is None else number(each) for side in sides)
    return f"{medians} (**{number(finding.ratio)}**)" if finding.ratio is not None else medians


def _header(*cells: str) -> Iterator[str]:
    yield _row(cells)
    yield "|" + "---|" * len(cells)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(
    file: Annotated[Path, typer.Argument(help="What a run has left.")] = _JSON,
    into: Annotated[Path | None, typer.Option(help="A page with places for tables, which get these.")] = None,
) -> None:
    """Show the findings of a run as tables in Markdown, or put them into a page."""
    document = Document.from_json(file.read_text())
    if into:
        into.write_text(fill(into.read_text(), document))
        return
    for name in ("run", "summary", "goals", *_QUANTITIES):
        typer.echo(f"{table(name, document)}\n")


if __name__ == "__main__":
    typer.run(main)
