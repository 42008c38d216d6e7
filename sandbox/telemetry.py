"""Telemetry of workers: received through the coordinator, or sent directly."""

import http.client
import itertools
import json
import os
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from .enforcement import DataPlane
from .juju import Application, Model, Side, Unit
from .mesh import Account
from .samples import CLUSTERS
from .world import World

BACKEND = "observatory"
"""The charm that remembers what it was sent."""

KINDS = ("scraped metric", "pushed metric", "log line", "span")

_READ_PORT = 3100
_TIMEOUT = 30.0
_PATIENCE = 60.0  # longer than a worker's pause before it sends telemetry again
_LOOKS_EVERY = 0.2
_NO_METRICS = b"\0"  # in snappy's block format

# Two workers answer it: one for the user, and one for the first, whose call is a span as well.
_OF_ONE_REQUEST = {"log line": 2, "span": 3}


@dataclass(frozen=True)
class Arrival:
    """The data of one kind from one unit."""

    kind: str
    """One of `KINDS`."""
    unit: str
    count: int
    latest: tuple[str, ...]


@dataclass(frozen=True)
class Attempt:
    """A request that bypasses the coordinator."""

    url: str
    refusal: str
    """The reason; empty if it was allowed."""


def relate(model: Model, coordinator: str) -> None:
    """Integrate a coordinator with the backend of its model, for all its telemetry."""
    for endpoint, offered in (
        ("logging", "logging"),
        ("send-remote-write", "receive-remote-write"),
        ("self-workload-tracing", "tracing"),
        ("metrics-endpoint", "metrics-endpoint"),
    ):
        model.integrate(f"{coordinator}:{endpoint}", f"{BACKEND}:{offered}")


def arrived(world: World, backend_name: str | None = None) -> list[Arrival]:
    """Return what all backends of the world received, or one of them, by unit.

    It is read from inside their pods, where the mesh does not apply.

    Args:
        world: where they are.
        backend_name: as `model/application`.

    Raises:
        ValueError: if that world runs no processes.
    """
    found: list[Arrival] = []
    for backend in _backends(world):
        if backend_name in (None, f"{backend.model.name}/{backend.name}"):
            for unit in backend.units:
                found += _recorded(world, unit)
    return found


def _recorded(world: World, unit: Unit) -> Iterator[Arrival]:
    address = _enforcement(world).mesh.inside(unit.application.model.name, unit.pod)
    for each in json.loads(_request(address, _READ_PORT, "GET", "/recorded", b"", {})):
        yield Arrival(each["kind"], each["unit"], each["count"], tuple(each["latest"]))


def put_key(world: World, client: Application) -> str:
    """Put a key through the coordinator that an application is related to, and follow the request.

    Returns:
        The id of its trace, which is in the workers' spans and log lines.

    Raises:
        OSError: if the request is refused.
    """
    trace = os.urandom(16).hex()
    (url,) = (url for side in client.sides if (url := side.other.data.data.get("url")))
    headers = {"traceparent": f"00-{trace}-{os.urandom(8).hex()}-01"}
    _ask(world, client, "PUT", f"{url}/kv/telemetry", b"on its way", headers)
    return trace


def wait_for(world: World, coordinator: Application, trace: str) -> list[str]:
    """Wait for metrics of all workers, and for all log lines and spans of a request.

    Args:
        world: a world with backends.
        coordinator: the coordinator of the workers.
        trace: the id of the request's trace.

    Returns:
        The data that did not arrive in time, in words.
    """
    cluster = CLUSTERS[coordinator.charm.name]
    workers: set[str] = set()
    for side in coordinator.sides:
        if side.endpoint.name == cluster:
            workers.update(unit.name for unit in side.other.application.units)
    deadline = time.monotonic() + _PATIENCE
    while True:
        missing = list(_missing(arrived(world), workers, trace))
        if not missing or time.monotonic() > deadline:
            return missing
        time.sleep(_LOOKS_EVERY)


def straight(world: World, worker: Application, backend: Application) -> list[Attempt]:
    """Send telemetry as a worker to each URL that a backend publishes to related applications.

    Accepted telemetry is from a unit called `{worker} itself`.

    Raises:
        ValueError: if that world does not enforce policies.
    """
    attempts: list[Attempt] = []
    for side in backend.sides:
        for url, body in _offered(side, f"{worker.name} itself"):
            attempts.append(Attempt(url, _refusal(world, worker, url, body)))
    return attempts


def _missing(arrivals: Collection[Arrival], workers: Collection[str], trace: str) -> Iterator[str]:
    for kind in ("scraped metric", "pushed metric"):
        came_from = {each.unit for each in arrivals if each.kind == kind}
        yield from (f"no {kind} has come from {unit}" for unit in sorted(set(workers) - came_from))
    for kind, wanted in _OF_ONE_REQUEST.items():
        texts = itertools.chain.from_iterable(each.latest for each in arrivals if each.kind == kind)
        came = sum(trace in text for text in texts)
        if came < wanted:
            yield f"of a request, {came} instead of {wanted} have arrived of kind {kind!r}"


def _offered(side: Side, unit: str) -> Iterator[tuple[str, bytes]]:
    """Return the URLs at which a backend accepts telemetry, with a body from a unit of that name."""
    units = [bag.data for bag in side.unit_data.values()]
    if side.endpoint.interface == "loki_push_api":
        streams = [{"stream": {"juju_unit": unit}, "values": [["1", "past the coordinator"]]}]
        for data in units:
            yield json.loads(data["endpoint"])["url"], json.dumps({"streams": streams}).encode()
    if side.endpoint.interface == "prometheus_remote_write":
        for data in units:
            yield json.loads(data["remote_write"])["url"], _NO_METRICS
    if side.endpoint.interface == "tracing":
        attribute = {"key": "juju_unit", "value": {"stringValue": unit}}
        spans = [{"spans": [{"name": "past the coordinator", "traceId": "0" * 32}]}]
        traces = {"resourceSpans": [{"resource": {"attributes": [attribute]}, "scopeSpans": spans}]}
        for receiver in json.loads(side.data.data["receivers"]):
            yield f"{receiver['url']}/v1/traces", json.dumps(traces).encode()


def _refusal(world: World, source: Application, url: str, body: bytes) -> str:
    try:
        _ask(world, source, "POST", url, body, {"Content-Type": "application/json"})
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    return ""


def _ask(
    world: World, source: Application, method: str, url: str, body: bytes, headers: dict[str, str]
) -> bytes:
    """Send a request as the processes of an application would."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    names = _enforcement(world).mesh.names(Account(source.model.name, source.name))
    return _request(
        names[host][0], parts.port or 80, method, parts.path, body, {"Host": parts.netloc, **headers}
    )


def _request(address: str, port: int, method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    connection = http.client.HTTPConnection(address, port, timeout=_TIMEOUT)
    try:
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status >= 400:
            raise ConnectionError(f"{answer.status} {content.decode(errors='replace').strip()}")
        return content
    finally:
        connection.close()


def _backends(world: World) -> Collection[Application]:
    found: list[Application] = []
    for model in world.models:
        found += (app for app in model.applications.values() if app.charm.name == BACKEND)
    return found


def _enforcement(world: World) -> DataPlane:
    if world.enforcement is None:
        raise ValueError("nothing runs in this world")
    return world.enforcement
