"""What people see of the sandbox: tables and lists, in colour on a terminal and plain in a log."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from .flows import Flow
from .juju import Application, Model
from .matrix import Cell
from .samples import CLUSTERS, PEER_PYTHON, published_libraries
from .telemetry import KINDS, Arrival, Attempt
from .world import World

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
    """What everything is printed on: as wide as the terminal, or as a log is wide."""
    found = Console(highlight=False, stderr=stderr)
    return found if found.is_terminal else Console(highlight=False, stderr=stderr, width=_WIDTH_OF_A_LOG)


def status_table(model: Model) -> RenderableType:
    """What `juju status` shows of the units of a model."""
    table = Table(box=box.SIMPLE_HEAD, title=f"model {model.name}", title_justify="left", pad_edge=False)
    for heading in ("unit", "status", "message", "address", "ports"):
        table.add_column(heading, overflow="fold")
    for application in model.applications.values():
        for unit in application.units:
            name, message = unit.workload_status
            table.add_row(
                f"{unit.name}{'*' if unit.is_leader else ''}",
                Text(name, style=_COLOURS.get(name, "")),
                message,
                unit.address,
                ", ".join(f"{port}/{protocol}" for protocol, port in sorted(unit.opened_ports)),
            )
    return table


def status_data(model: Model) -> dict[str, Any]:
    """The same in the shape of `juju status --format=json`."""
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
    """Who may reach what."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("source", "target", "requests"):
        table.add_column(heading, overflow="fold")
    for flow in sorted(flows):
        table.add_row(flow.source, flow.target, flow.requests)
    return table


def changes(
    old_flows: set[Flow], flows: set[Flow], old_pods: Mapping[str, str | None], pods: Mapping[str, str | None]
) -> RenderableType:
    """What is let through that was not, and the other way round; and who has joined or left the mesh."""
    joined = sorted(pod for pod, waypoint in pods.items() if waypoint and not old_pods.get(pod))
    left = sorted(pod for pod, waypoint in old_pods.items() if waypoint and not pods.get(pod))
    lines = [
        *(Text(f"+ {pod} is in the mesh", style="green") for pod in joined),
        *(Text(f"- {pod} is no longer in the mesh", style="red") for pod in left),
        *(Text(f"+ {flow}", style="green") for flow in sorted(flows - old_flows)),
        *(Text(f"- {flow}", style="red") for flow in sorted(old_flows - flows)),
    ]
    return Group(*lines) if lines else Text("  no change of policies or labels", style="dim")


def setting(world: World) -> Iterator[str]:
    """Where the story is told, and what is left out of it."""
    yield f"Kubernetes is {world.place}."
    if world.enforcement is None:
        yield "Nothing runs in the pods, and nothing is measured."
    elif world.enforcement.hardened:
        yield "The mesh is hardened: what no policy allows is refused."
    else:
        yield "The mesh is permissive: what nobody restricts is let through."
    if not published_libraries():
        yield f"{PEER_PYTHON} names no interpreter: the charm on published libraries is left out."


def measured(cells: Sequence[Cell]) -> RenderableType:
    """How a measurement went, in one line."""
    let_through, wrong_cells = (
        sum(cell.let_through for cell in cells),
        sum(not cell.is_right for cell in cells),
    )
    text = f"measured: of {len(cells)} requests {let_through} were let through, the others refused"
    if wrong_cells:
        return Text(f"✗ {text}; {wrong_cells} against what the relations ask for", style="bold red")
    return Text(f"✓ {text}, as the relations ask for", style="green")


def wrong(cell: Cell) -> str:
    """What is wrong about a cell."""
    return (
        f"measured: {'let through' if cell.let_through else 'refused'} against the relations: {cell.request}"
    )


def matrix_table(cells: Iterable[Cell]) -> RenderableType:
    """Every request that somebody got through with, and every one that went wrong, by who asked."""
    rows: dict[tuple[str, int, str, str], dict[str, Cell]] = {}
    for cell in cells:
        asked = cell.request
        rows.setdefault((asked.target, asked.port, asked.method, asked.path), {})[asked.source] = cell
    sources = sorted(set[str]().union(*rows.values()))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1), collapse_padding=True)
    table.add_column("target", overflow="fold")
    table.add_column("request", overflow="fold")
    for number, _ in enumerate(sources, 1):
        table.add_column(str(number), justify="center")
    for (target, port, method, path), row in rows.items():
        if any(cell.let_through or not cell.is_right for cell in row.values()):
            marks = [_mark(row[source]) if source in row else Text("") for source in sources]
            table.add_row(target, f"{method} {path} on {port}", *marks)
    legend = ", ".join(f"{number} {source}" for number, source in enumerate(sources, 1))
    return Group(table, Text(f"{legend}\n✓ let through, · refused, ✗ against what the relations ask for"))


def cell_data(cell: Cell) -> dict[str, Any]:
    """A cell as data."""
    return {**vars(cell.request), "asked": cell.asked, "let_through": cell.let_through}


def _mark(cell: Cell) -> Text:
    if not cell.is_right:
        return Text("✗", style="bold red")
    return Text("✓", style="green") if cell.let_through else Text("·", style="dim")


def cluster(coordinator: Application) -> RenderableType:
    """What a coordinator and its workers tell each other."""
    endpoint = CLUSTERS[coordinator.charm.name]
    sides = [side for side in coordinator.sides if side.endpoint.name == endpoint]
    workers = Table(box=box.SIMPLE_HEAD, title="workers", title_justify="left", pad_edge=False)
    for heading in ("application", "units", "roles"):
        workers.add_column(heading)
    for side in sides:
        roles = json.loads(side.other.data.data.get("role", '""'))
        workers.add_row(side.remote_name, str(len(side.other.present)), roles)
    told = Table(box=box.SIMPLE_HEAD, title="what they are told", title_justify="left", pad_edge=False)
    told.add_column("key", no_wrap=True, min_width=26)
    told.add_column("value", no_wrap=True, overflow="ellipsis")
    for key, value in sorted(sides[0].data.data.items() if sides else ()):
        told.add_row(key, value)
    return Group(workers, told)


def telemetry(arrivals: Iterable[Arrival], worker: str, attempts: Iterable[Attempt]) -> RenderableType:
    """What has come from the workers, and what became of what one of them sent past the coordinator."""
    came = Table(box=box.SIMPLE_HEAD, title="what arrived", title_justify="left", pad_edge=False)
    for heading in ("kind", "from", "number", "the last of it"):
        came.add_column(heading)
    for arrival in sorted(arrivals, key=lambda arrival: (KINDS.index(arrival.kind), arrival.unit)):
        came.add_row(arrival.kind, arrival.unit, str(arrival.count), arrival.latest[-1][:_LONGEST_SAMPLE])
    refused = Table(
        box=box.SIMPLE_HEAD, title=f"straight from {worker}", title_justify="left", pad_edge=False
    )
    for heading in ("to", "what becomes of it"):
        refused.add_column(heading, overflow="fold")
    for attempt in attempts:
        refused.add_row(attempt.url, attempt.refusal or Text("✗ taken", style="bold red"))
    return Group(came, refused)


def _relations(model: Model, app: str) -> dict[str, list[dict[str, str]]]:
    relations: dict[str, list[dict[str, str]]] = {}
    for side in model.application(app).sides:
        related = {"related-application": side.remote_name, "interface": side.endpoint.interface}
        relations.setdefault(side.endpoint.name, []).append(related)
    return relations
