"""The data that arrived over each relation of the coordinator."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sandbox import telemetry
from sandbox.juju import Application, Model, Side
from sandbox.samples import CLUSTERS, COORDINATOR
from sandbox.world import World

from ._certificates import served, shortened
from ._models import HALL, KEY, VAULT, ask, file_of

_WORKERS = ("api/0", "store/0")
_PATIENCE = 60.0  # longer than a worker's pause before it sends telemetry again
_CONFIG, _AUTHORITY_OF_STORE = "/etc/worker/config.yaml", "/etc/worker/s3_ca.crt"


@dataclass(frozen=True)
class Arrived:
    """The data that arrived over one relation of the coordinator."""

    relation: str
    other_end: str
    arrived: str
    """Empty if nothing did."""


def arrivals(world: World) -> list[Arrived]:
    """Return the data of each existing relation, in words; waits for data that take a moment.

    Raises:
        ValueError: if that world runs no processes.
    """
    found: dict[str, Arrived] = {}
    for model in (world.model(HALL), world.model(VAULT)):
        for side in model.application(COORDINATOR).sides:
            relation = side.endpoint.name
            if relation in _LOOKS and relation not in found:
                arrived = _patiently(_LOOKS[relation], world, side)
                found[relation] = Arrived(relation, _name(side.other.application), arrived)
    return list(found.values())


def arrivals_table(found: Iterable[Arrived]) -> RenderableType:
    """Return a table of the data that arrived over each relation."""
    table = Table(box=box.SIMPLE_HEAD, title="what arrived", title_justify="left", pad_edge=False)
    table.add_column("relation", no_wrap=True)
    for heading in ("other end", "what arrived"):
        table.add_column(heading, overflow="fold")
    for each in found:
        table.add_row(each.relation, each.other_end, each.arrived or Text("✗ nothing", style="bold red"))
    return table


def missing(world: World) -> list[str]:
    """Return the relations over which no data arrived, in words."""
    if world.enforcement is None:
        return []
    silent = (line for line in arrivals(world) if not line.arrived)
    return [f"nothing came over {line.relation} with {line.other_end}" for line in silent]


_Look: TypeAlias = Callable[[World, Side], str]


def _patiently(look: _Look, world: World, side: Side) -> str:
    deadline = time.monotonic() + _PATIENCE
    while not (found := look(world, side)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def _workers(_: World, side: Side) -> str:
    role = json.loads(side.other.data.data.get("role", '""'))
    config = file_of(side.other.application, _CONFIG)
    return f"role {role}, which runs with {len(config)} characters of configuration" if config else ""


def _put_and_get(world: World, side: Side) -> str:
    answers = [_ask(world, side, "PUT"), _ask(world, side, "GET")]
    return ", ".join(answers) if all(answers) else ""


def _get(world: World, side: Side) -> str:
    return _ask(world, side, "GET")


def _ask(world: World, side: Side, method: str) -> str:
    """Return the coordinator's answer to an application as text; empty if it is an error."""
    service, source = _name(side.application), _name(side.other.application)
    answer = ask(world, source, service, method)
    return f"{method} {KEY} → {answer}" if answer.startswith("2") else ""


def _telemetry(kind: str, *senders: str) -> _Look:
    """Return a function that describes the data of a kind, once all these units have sent some."""

    def look(world: World, side: Side) -> str:
        backend = _name(side.other.application)
        counts = {each.unit: each.count for each in telemetry.arrived(world, backend) if each.kind == kind}
        if not {*senders} <= counts.keys():
            return ""
        return f"{sum(counts.values())} {kind}s of {', '.join(sorted(counts))}"

    return look


def _spans_of_charms(world: World, side: Side) -> str:
    """A hook sends its traces once, at its end: if some are lost, the next hook sends others."""
    found = _telemetry("span", f"{COORDINATOR}/0", *_WORKERS)(world, side)
    if not found:
        _model(world, side).update_status(COORDINATOR, "api", "store")
        world.settle()
    return found


def _shown(what: str) -> _Look:
    """Return a function that describes the results of the action `show` of the charm at the other end."""

    def look(world: World, side: Side) -> str:
        model, other = _model(world, side.other), side.other.application
        found = json.loads(model.run(f"{other.name}/leader", "show").results[what])
        return ", ".join(map(str, found))

    return look


def _received_datasource(_: World, side: Side) -> str:
    found = json.loads(side.other.data.data.get("datasources", "[]"))
    return ", ".join(f"{each['type']} {each['uid']}" for each in found)


def _bucket(world: World, side: Side) -> str:
    asked = _shown("asked")(world, side)
    cluster = (each for each in side.application.sides if each.endpoint.name == CLUSTERS[COORDINATOR])
    workers = [each.other.application for each in cluster]
    trusting = [worker.name for worker in workers if file_of(worker, _AUTHORITY_OF_STORE)]
    return f"{asked}; the store's authority came to {', '.join(trusting)}" if asked and trusting else ""


def _certificate(world: World, side: Side) -> str:
    names, number = _shown("signed")(world, side), served(world, _model(world, side))
    return f"{names}, as number {shortened(number)}" if names and number else ""


def _mesh(world: World, side: Side) -> str:
    labels = json.loads(side.other.data.data.get("labels", "{}"))
    cluster = [pod for pod in sorted(world.pods) if pod.startswith(f"{HALL}/") and world.pods[pod]]
    return f"{len(labels)} labels; in the mesh are {', '.join(cluster)}" if labels and cluster else ""


def _flows_in_other_model(world: World, side: Side) -> str:
    """Return the requests that are allowed there for the coordinator, by its name in its own model."""
    there, here = side.other.application, _name(side.application)
    return ", ".join(str(flow) for flow in world.flows if flow.source == here and _name(there) in flow.target)


_LOOKS: Mapping[str, _Look] = {
    "demo-cluster": _workers,
    "kv-api": _put_and_get,
    "metrics-endpoint": _telemetry("scraped metric", *_WORKERS),
    "grafana-dashboard": _shown("dashboards"),
    "grafana-source": _shown("sources"),
    "send-datasource": _shown("exchanged"),
    "receive-datasource": _received_datasource,
    "provide-cmr-mesh": _get,
    "certificates": _certificate,
    "s3": _bucket,
    "logging": _telemetry("log line", *_WORKERS),
    "self-charm-tracing": _spans_of_charms,
    "self-workload-tracing": _telemetry("span", *_WORKERS),
    "send-remote-write": _telemetry("pushed metric", *_WORKERS),
    "catalogue": _shown("listed"),
    "service-mesh": _mesh,
    "require-cmr-mesh": _flows_in_other_model,
}


def _model(world: World, side: Side) -> Model:
    return world.controller.models[side.application.model.name]


def _name(application: Application) -> str:
    return f"{application.model.name}/{application.name}"
