"""Tables and lists for the terminal, in colour; plain in a log."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from .flows import Flow
from .juju import Application, Model, Unit
from .matrix import Cell
from .samples import CLUSTERS, PEER_PYTHON, published_libraries
from .telemetry import KINDS, Arrival, Attempt
from .world import World

Status: TypeAlias = tuple[str, str]
"""The name of a status, and its message."""

_COLOURS = {
    "active": "green",
    "waiting": "yellow",
    "maintenance": "yellow",
    "blocked": "red",
    "error": "bold red",
}
_WIDTH_OF_A_LOG = 120
_LONGEST_SAMPLE = 70


def console(*, stderr: bool = False) -> Console:
    """Return a console to print on: as wide as the terminal, or 120 characters in a log."""
    found = Console(highlight=False, stderr=stderr)
    return found if found.is_terminal else Console(highlight=False, stderr=stderr, width=_WIDTH_OF_A_LOG)


def status_table(model: Model) -> RenderableType:
    """Return the units of a model, as `juju status` shows them."""
    table = Table(box=box.SIMPLE_HEAD, title=f"model {model.name}", title_justify="left", pad_edge=False)
    for heading in ("unit", "status", "message", "address", "ports"):
        table.add_column(heading, overflow="fold")
    for application in model.applications.values():
        for unit in application.units:
            name, message = unit.workload_status
            table.add_row(
                _marked(unit),
                Text(name, style=_COLOURS.get(name, "")),
                message,
                unit.address,
                ", ".join(f"{port}/{protocol}" for protocol, port in sorted(unit.opened_ports)),
            )
    return table


def statuses(world: World) -> dict[str, Status]:
    """Return the status and its message of each unit, by `model/unit`, with a star for a leader."""
    found: dict[str, Status] = {}
    for model in world.models:
        found |= {f"{model.name}/{_marked(unit)}": unit.workload_status for unit in model.units}
    return found


def changed_statuses(old: Mapping[str, Status], new: Mapping[str, Status]) -> RenderableType:
    """Return the units with another status than before, and the number of the others."""
    changed = {unit: status for unit, status in new.items() if old.get(unit) != status}
    rest = len(new) - len(changed)
    units = "1 unit has" if rest == 1 else f"{rest} units have"
    unchanged = Text(f"  {units} the status of before", style="dim")
    if not changed:
        return unchanged
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("unit", "status", "message"):
        table.add_column(heading, overflow="fold")
    for unit, (name, message) in changed.items():
        table.add_row(unit, Text(name, style=_COLOURS.get(name, "")), message)
    return Group(table, unchanged) if rest else table


def _marked(unit: Unit) -> str:
    return f"{unit.name}*" if unit.is_leader else unit.name


def status_data(model: Model) -> dict[str, Any]:
    """Return the units in the form of `juju status --format=json`."""
    return {
        "model": {"name": model.name},
        "applications": {
            application.name: {
                "charm-name": application.charm.name,
                "version": application.workload_version,
                "application-status": dict(zip(("current", "message"), application.status, strict=True)),
                "relations": _relations(model, application.name),
                "units": {
                    unit.name: {
                        "workload-status": dict(
                            zip(("current", "message"), unit.workload_status, strict=True)
                        ),
                        "leader": unit.is_leader,
                        "address": unit.address,
                        "open-ports": [f"{port}/{protocol}" for protocol, port in sorted(unit.opened_ports)],
                    }
                    for unit in application.units
                },
            }
            for application in model.applications.values()
        },
    }


def flows_table(flows: Iterable[Flow]) -> RenderableType:
    """Return a table of the allowed requests."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("source", "target", "requests"):
        table.add_column(heading, overflow="fold")
    for flow in sorted(flows):
        table.add_row(flow.source, flow.target, flow.requests)
    return table


def changes(
    old_flows: set[Flow], flows: set[Flow], old_pods: Mapping[str, str | None], pods: Mapping[str, str | None]
) -> RenderableType:
    """Return the requests that are allowed now or no longer, and the pods that joined or left the mesh."""
    joined = sorted(pod for pod, waypoint in pods.items() if waypoint and not old_pods.get(pod))
    left = sorted(pod for pod, waypoint in old_pods.items() if waypoint and not pods.get(pod))
    lines = [
        *(Text(f"+ {pod} is in the mesh", style="green") for pod in joined),
        *(Text(f"- {pod} is no longer in the mesh", style="red") for pod in left),
        *(Text(f"+ {flow}", style="green") for flow in sorted(flows - old_flows)),
        *(Text(f"- {flow}", style="red") for flow in sorted(old_flows - flows)),
    ]
    return Group(*lines) if lines else Text("  no policy or label changed", style="dim")


def setting(world: World) -> Iterator[str]:
    """Describe the environment of the demo, and the parts that it skips."""
    yield f"Kubernetes: {world.place}."
    if world.enforcement is None:
        yield "Workloads do not run, and no request is measured."
    elif world.enforcement.hardened:
        yield "The mesh is hardened: it denies what no policy allows."
    else:
        yield "The mesh is permissive: it allows what no policy restricts."
    if not published_libraries():
        yield f"{PEER_PYTHON} is not set to an interpreter: the charm on the published libraries is skipped."


def measured(cells: Sequence[Cell]) -> RenderableType:
    """Return the result of a measurement in one line."""
    allowed = sum(cell.allowed for cell in cells)
    unexpected = sum(not cell.is_right for cell in cells)
    text = f"measured {len(cells)} requests: {allowed} allowed, {len(cells) - allowed} denied"
    if unexpected:
        return Text(f"✗ {text}; {unexpected} not as the relations require", style="bold red")
    return Text(f"✓ {text}, as the relations require", style="green")


def wrong(cell: Cell) -> str:
    """Describe a cell that differs."""
    return f"{'allowed without' if cell.allowed else 'denied despite'} a relation: {cell.request}"


def matrix_table(cells: Iterable[Cell]) -> RenderableType:
    """Return a table of the requests that are allowed for any source, or differ, by source."""
    rows: dict[tuple[str, int, str, str], dict[str, Cell]] = {}
    for cell in cells:
        sent = cell.request
        rows.setdefault((sent.target, sent.port, sent.method, sent.path), {})[sent.source] = cell
    sources = sorted(set[str]().union(*rows.values()))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1), collapse_padding=True)
    table.add_column("target", overflow="fold")
    table.add_column("request", overflow="fold")
    for number, _ in enumerate(sources, 1):
        table.add_column(str(number), justify="center")
    for (target, port, method, path), row in rows.items():
        if any(cell.allowed or not cell.is_right for cell in row.values()):
            marks = [_mark(row[source]) if source in row else Text("") for source in sources]
            table.add_row(target, f"{method} {path} on {port}", *marks)
    legend = ", ".join(f"{number} {source}" for number, source in enumerate(sources, 1))
    return Group(table, Text(f"{legend}\n✓ allowed, · denied, ✗ not as the relations require"))


def cell_data(cell: Cell) -> dict[str, Any]:
    """Return a cell as data."""
    return {**vars(cell.request), "expected": cell.expected, "allowed": cell.allowed}


def _mark(cell: Cell) -> Text:
    if not cell.is_right:
        return Text("✗", style="bold red")
    return Text("✓", style="green") if cell.allowed else Text("·", style="dim")


def cluster(coordinator: Application) -> RenderableType:
    """Return the data that a coordinator and its workers publish to each other."""
    endpoint = CLUSTERS[coordinator.charm.name]
    sides = [side for side in coordinator.sides if side.endpoint.name == endpoint]
    workers = Table(box=box.SIMPLE_HEAD, title="workers", title_justify="left", pad_edge=False)
    for heading in ("application", "units", "roles"):
        workers.add_column(heading)
    for side in sides:
        roles = json.loads(side.other.data.data.get("role", '""'))
        workers.add_row(side.remote_name, str(len(side.other.present)), roles)
    published = Table(
        box=box.SIMPLE_HEAD, title="published by the coordinator", title_justify="left", pad_edge=False
    )
    published.add_column("key", no_wrap=True, min_width=26)
    published.add_column("value", no_wrap=True, overflow="ellipsis")
    for key, value in sorted(sides[0].data.data.items() if sides else ()):
        published.add_row(key, value)
    return Group(workers, published)


def telemetry(arrivals: Iterable[Arrival], worker: str, attempts: Iterable[Attempt]) -> RenderableType:
    """Return the telemetry that arrived from workers, and the answers to direct requests of one of them."""
    arrived = Table(
        box=box.SIMPLE_HEAD, title="arrived through the coordinator", title_justify="left", pad_edge=False
    )
    for heading in ("kind", "from", "number", "latest"):
        arrived.add_column(heading)
    for arrival in sorted(arrivals, key=lambda arrival: (KINDS.index(arrival.kind), arrival.unit)):
        arrived.add_row(arrival.kind, arrival.unit, str(arrival.count), arrival.latest[-1][:_LONGEST_SAMPLE])
    denied = Table(
        box=box.SIMPLE_HEAD, title=f"sent directly by {worker}", title_justify="left", pad_edge=False
    )
    for heading in ("to", "answer"):
        denied.add_column(heading, overflow="fold")
    for attempt in attempts:
        denied.add_row(attempt.url, attempt.refusal or Text("✗ accepted", style="bold red"))
    return Group(arrived, denied)


def _relations(model: Model, app: str) -> dict[str, list[dict[str, str]]]:
    relations: dict[str, list[dict[str, str]]] = {}
    for side in model.application(app).sides:
        related = {"related-application": side.remote_name, "interface": side.endpoint.interface}
        relations.setdefault(side.endpoint.name, []).append(related)
    return relations
