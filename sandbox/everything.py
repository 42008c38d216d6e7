"""The story of a coordinator with every relation that it can have, and something at the other end of each."""

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from . import _show, samples, telemetry
from .demo import Step
from .enforcement import Enforcement
from .juju import Application, Model, Side
from .mesh import Account
from .samples import BEACON, CLUSTERS, COORDINATOR, WORKER
from .world import World

HALL, ANNEX, VAULT = "hall", "annex", "vault"
"""The models: of a cluster in the mesh, of others that it has to do with, and of a cluster with TLS."""

_WORKERS = ("api/0", "store/0")
_PORT = 8080
_PATIENCE = 60.0  # longer than a worker waits before it sends telemetry again
_TIMEOUT = 30.0
_PAUSE = 0.005
_BEFORE_AND_AFTER = 1.0
_CLIENTS = 2
_CONFIG, _AUTHORITY, _AUTHORITY_OF_STORE = (
    f"/etc/worker/{name}" for name in ("config.yaml", "ca.cert", "s3_ca.crt")
)


@dataclass(frozen=True)
class Line:
    """What came over one relation of the coordinator."""

    relation: str
    other_end: str
    arrived: str
    """Empty if nothing did."""


@dataclass
class Rotation:
    """What clients saw while a certificate was changed."""

    answered: int = 0
    failures: list[str] = field(default_factory=list[str])
    certificates: list[int] = field(default_factory=list[int])
    """The serial numbers, in the order in which they were seen first."""
    restarted: list[str] = field(default_factory=list[str])
    """The workers whose process is another one than before."""


def story() -> tuple[Step, ...]:
    """The steps, to be told once."""
    rotation = Rotation()

    def rotate_if_anything_runs(world: World) -> None:
        if world.enforcement:
            rotate(world, rotation)

    return (
        Step(
            "deploy",
            "Deploy a coordinator and its workers into the mesh",
            "The shop may get and put keys, and nobody may anything else.",
            _deploy,
        ),
        Step(
            "relate",
            "Relate it to all that a coordinator can have in its model",
            "Telemetry of each kind, dashboards, a datasource and its exchange, a catalogue, a bucket.",
            _relate,
        ),
        Step(
            "relate-models",
            "Relate it to another model, both ways",
            "It sends what its charms do to a watchtower there, which lets it in by the name that it has at "
            "home; and it lets a kiosk of that model get keys.",
            _relate_to_another_model,
        ),
        Step(
            "secure",
            "Deploy a second cluster, with a certificate",
            "It is outside of the mesh, for what a waypoint is to look into can't be TLS of its own. nginx "
            "and all workers serve with a certificate that the authority has signed.",
            _secure,
            lambda world: _show.lines(lines(world) if world.enforcement else []),
            missing,
            is_measured=False,
        ),
        Step(
            "rotate",
            "Sign all certificates anew, while clients ask without a pause",
            "nginx loads the new certificate while it serves, the workers take it with their next "
            "connection: nobody notices.",
            rotate_if_anything_runs,
            lambda _: _show.rotation(rotation),
            lambda world: not_smooth(rotation) if world.enforcement else [],
            is_measured=False,
        ),
    )


# --- What is done ---


def _cluster(model: Model) -> None:
    samples.deploy(model, COORDINATOR)
    samples.deploy(model, "shop")
    for role in ("api", "store"):
        samples.deploy(model, WORKER, role, config={f"role-{role}": True})
        model.integrate(f"{role}:{CLUSTERS[COORDINATOR]}", COORDINATOR)
    model.integrate("shop:kv", f"{COORDINATOR}:kv-api")


def _deploy(world: World) -> None:
    hall = world.model(HALL)
    samples.deploy(hall, BEACON)
    _cluster(hall)
    for app in (COORDINATOR, "shop"):
        hall.integrate(f"{app}:service-mesh", BEACON)


def _relate(world: World) -> None:
    hall = world.model(HALL)
    for charm in (telemetry.BACKEND, "gallery", "storage"):
        samples.deploy(hall, charm)
    for app in (telemetry.BACKEND, "gallery"):
        hall.integrate(f"{app}:service-mesh", BEACON)
    # What workers send while it comes up they would send again, ever more seldom.
    world.settle()
    telemetry.relate(hall, COORDINATOR)
    for endpoint, other in (
        ("grafana-dashboard", "gallery:grafana-dashboard"),
        ("grafana-source", "gallery:grafana-source"),
        ("send-datasource", "gallery:receive-datasource"),
        ("receive-datasource", "gallery:send-datasource"),
        ("catalogue", "gallery:catalogue"),
        ("s3", "storage:s3-credentials"),
    ):
        hall.integrate(f"{COORDINATOR}:{endpoint}", other)
    # The mesh itself is watched, too.
    hall.integrate(f"{BEACON}:metrics-endpoint", telemetry.BACKEND)
    hall.integrate(f"{BEACON}:grafana-dashboard", "gallery")


def _relate_to_another_model(world: World) -> None:
    hall, annex = world.model(HALL), world.model(ANNEX)
    samples.deploy(annex, BEACON)
    samples.deploy(annex, telemetry.BACKEND, "watchtower")
    samples.deploy(annex, "shop", "kiosk")
    for app in ("watchtower", "kiosk"):
        annex.integrate(f"{app}:service-mesh", BEACON)
    hall.consume(annex.offer("watchtower", "tracing", "provide-cmr-mesh"))
    hall.integrate(f"{COORDINATOR}:self-charm-tracing", "watchtower:tracing")
    hall.integrate(f"{COORDINATOR}:require-cmr-mesh", "watchtower:provide-cmr-mesh")
    annex.consume(hall.offer(COORDINATOR, "kv-api", "provide-cmr-mesh"))
    annex.integrate("kiosk:kv", f"{COORDINATOR}:kv-api")
    annex.integrate("kiosk:require-cmr-mesh", f"{COORDINATOR}:provide-cmr-mesh")


def _secure(world: World) -> None:
    vault = world.model(VAULT)
    _cluster(vault)
    samples.deploy(vault, "authority")
    vault.integrate(f"{COORDINATOR}:certificates", "authority")


# --- What came of it ---


def lines(world: World) -> list[Line]:
    """What came over each relation that there is, in words; waits for what takes a moment.

    Raises:
        ValueError: if nothing runs in that world.
    """
    found: dict[str, Line] = {}
    for model in (world.model(HALL), world.model(VAULT)):
        for side in model.application(COORDINATOR).sides:
            relation = side.endpoint.name
            if relation in _LOOKS and relation not in found:
                arrived = _patiently(_LOOKS[relation], world, side)
                found[relation] = Line(relation, _name(side.other.application), arrived)
    return list(found.values())


def missing(world: World) -> list[str]:
    """The relations over which nothing came, in words."""
    if world.enforcement is None:
        return []
    silent = (line for line in lines(world) if not line.arrived)
    return [f"nothing came over {line.relation} with {line.other_end}" for line in silent]


_Look: TypeAlias = Callable[[World, Side], str]


def _patiently(look: _Look, world: World, side: Side) -> str:
    deadline = time.monotonic() + _PATIENCE
    while not (found := look(world, side)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def _workers(_: World, side: Side) -> str:
    role = json.loads(side.other.data.data.get("role", '""'))
    config = _file(side.other.application, _CONFIG)
    return f"role {role}, which runs with {len(config)} characters of configuration" if config else ""


def _put_and_get(world: World, side: Side) -> str:
    answers = [_ask(world, side, "PUT", b"hello"), _ask(world, side, "GET")]
    return ", ".join(answers) if all(answers) else ""


def _get(world: World, side: Side) -> str:
    return _ask(world, side, "GET")


def _ask(world: World, side: Side, method: str, body: bytes | None = None) -> str:
    """What an application gets from the coordinator, in words; empty if it is nothing good."""
    service, source = _name(side.application), _name(side.other.application)
    answer = _running(world).ask(source, service, _PORT, method, "/kv/greeting", body)
    return f"{method} /kv/greeting → {answer}" if answer.startswith("2") else ""


def _telemetry(kind: str, *senders: str) -> _Look:
    """What has come of a kind from units, if all these have sent some; others may have, too."""

    def look(world: World, side: Side) -> str:
        backend = _name(side.other.application)
        counts = {each.unit: each.count for each in telemetry.arrived(world, backend) if each.kind == kind}
        if not {*senders} <= counts.keys():
            return ""
        return f"{sum(counts.values())} {kind}s of {', '.join(sorted(counts))}"

    return look


def _spans_of_charms(world: World, side: Side) -> str:
    """A hook sends its traces once, when it ends: if some got lost, others are sent by the next."""
    found = _telemetry("span", f"{COORDINATOR}/0", *_WORKERS)(world, side)
    if not found:
        _model(world, side).update_status(COORDINATOR, "api", "store")
        world.settle()
    return found


def _shown(what: str) -> _Look:
    """What the action `show` of the charm at the other end tells."""

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
    trusting = [worker.name for worker in workers if _file(worker, _AUTHORITY_OF_STORE)]
    return f"{asked}; the store's authority came to {', '.join(trusting)}" if asked and trusting else ""


def _certificate(world: World, side: Side) -> str:
    names, number = _shown("signed")(world, side), _served(world, _model(world, side))
    return f"{names}, as number {_show.serial(number)}" if names and number else ""


def _mesh(world: World, side: Side) -> str:
    labels = json.loads(side.other.data.data.get("labels", "{}"))
    cluster = [pod for pod in sorted(world.pods) if pod.startswith(f"{HALL}/") and world.pods[pod]]
    return f"{len(labels)} labels; in the mesh are {', '.join(cluster)}" if labels and cluster else ""


def _doors_in_other_model(world: World, side: Side) -> str:
    """What is open there for the coordinator, under the name that it has at home."""
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
    "require-cmr-mesh": _doors_in_other_model,
}


def _model(world: World, side: Side) -> Model:
    return world.controller.models[side.application.model.name]


def _name(application: Application) -> str:
    return f"{application.model.name}/{application.name}"


def _file(worker: Application, path: str) -> str:
    """A file of a worker's first unit; empty if there is none."""
    file = Path(f"{worker.units[0].container('worker').root}{path}")
    return file.read_text() if file.exists() else ""


def _running(world: World) -> Enforcement:
    if world.enforcement is None:
        raise ValueError("nothing runs in this world")
    return world.enforcement


# --- The certificate, while it is used ---


def rotate(world: World, rotation: Rotation) -> None:
    """Have all certificates signed anew while clients ask without a pause, and note what these see.

    Raises:
        ValueError: if nothing runs in that world.
    """
    vault = world.model(VAULT)
    before = _processes(world, vault)
    with _steady_requests(world, vault, rotation):
        time.sleep(_BEFORE_AND_AFTER)
        vault.run("authority/leader", "rotate")
        world.settle()
        time.sleep(_BEFORE_AND_AFTER)
    after = _processes(world, vault)
    rotation.restarted = [name for name, process in before.items() if after[name] != process]


def not_smooth(rotation: Rotation) -> list[str]:
    """What clients had to notice, in words."""
    return [
        *(f"a request failed while the certificate changed: {failure}" for failure in rotation.failures),
        *(f"{unit} was restarted" for unit in rotation.restarted),
        *(["the certificate did not change once"] if len(rotation.certificates) != 2 else []),
    ]


@contextmanager
def _steady_requests(world: World, model: Model, rotation: Rotation) -> Generator[None]:
    """Clients that put a key and get it over TLS, in turn, each time on a connection of its own."""
    end, lock = threading.Event(), threading.Lock()

    def ask(path: str) -> None:
        turn, put = 0, ""
        while not end.wait(_PAUSE):
            turn += 1
            is_get = bool(put)
            put = "" if is_get else str(turn)
            certificate, failure = _attempt(world, model, path, None if is_get else put, str(turn - 1))
            with lock:
                rotation.answered += not failure
                rotation.failures += [failure] if failure else []
                if certificate and certificate not in rotation.certificates:
                    rotation.certificates.append(certificate)

    threads = [
        threading.Thread(target=ask, args=(f"/kv/steady-{number}",), daemon=True)
        for number in range(_CLIENTS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        end.set()
        for thread in threads:
            thread.join()


def _attempt(world: World, model: Model, path: str, put: str | None, expected: str) -> tuple[int, str]:
    """Put a text, or get the expected one: the number of the certificate there, and what went wrong."""
    method = "GET" if put is None else "PUT"
    try:
        with _connection(world, model) as connection:
            certificate = _number(connection)
            client = http.client.HTTPConnection(COORDINATOR)
            client.sock = connection
            client.request(method, path, put and put.encode())
            answer = client.getresponse()
            text = answer.read().decode()
            is_right = answer.status < 300 and (put is not None or text == expected)
            return certificate, "" if is_right else f"{method} gave {answer.status} {text}"
    except (OSError, http.client.HTTPException) as error:
        return 0, f"{method}: {error!r}"


def _served(world: World, model: Model) -> int:
    """The number of the certificate that a coordinator serves with; 0 if it speaks no TLS that is trusted."""
    try:
        with _connection(world, model) as connection:
            return _number(connection)
    except OSError:
        return 0


def _connection(world: World, model: Model) -> ssl.SSLSocket:
    """A connection from the shop of a model to its coordinator.

    Raises:
        OSError: if there is none, or it can't be trusted.
    """
    name = f"{COORDINATOR}.{model.name}.svc.cluster.local"
    (address,) = _running(world).mesh.names(Account(model.name, "shop"))[name]
    authority = _file(model.application("api"), _AUTHORITY)
    if not authority:
        raise OSError("there is no authority to trust yet")
    context = ssl.create_default_context(cadata=authority)
    plain = socket.create_connection((address, _PORT), timeout=_TIMEOUT)
    try:
        return context.wrap_socket(plain, server_hostname=name)
    except BaseException:
        plain.close()
        raise


def _number(connection: ssl.SSLSocket) -> int:
    certificate = connection.getpeercert() or {}
    return int(str(certificate["serialNumber"]), 16)


def _processes(world: World, model: Model) -> dict[str, int | None]:
    processes = _running(world).processes
    return {
        unit.name: processes.number(unit, unit.container("worker"), "worker")
        for app in ("api", "store")
        for unit in model.application(app).units
    }
