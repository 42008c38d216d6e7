"""A certificate that is replaced while clients use it."""

import http.client
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import RenderableType
from rich.text import Text

from sandbox.juju import Model
from sandbox.samples import COORDINATOR
from sandbox.world import World

from ._certificates import connect, number_of, shortened
from ._models import VAULT, running

_PAUSE = 0.005
_BEFORE_AND_AFTER = 1.0
_CLIENTS = 2


@dataclass
class Rotation:
    """The requests of clients while a certificate was changed."""

    answered: int = 0
    failures: list[str] = field(default_factory=list[str])
    certificates: list[int] = field(default_factory=list[int])
    """The serial numbers, in the order in which they were seen first."""
    restarted: list[str] = field(default_factory=list[str])
    """The workers whose process is another one than before."""


def rotate(world: World, rotation: Rotation) -> None:
    """Have all certificates signed again while clients send requests continuously, and record the results.

    Raises:
        ValueError: if that world runs no processes.
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
    """Return the effects on clients, in words."""
    return [
        *(
            f"a request failed while the certificates were renewed: {failure}"
            for failure in rotation.failures
        ),
        *(f"{unit} was restarted" for unit in rotation.restarted),
        *(["the certificate did not change once"] if len(rotation.certificates) != 2 else []),
    ]


@contextmanager
def _steady_requests(world: World, model: Model, rotation: Rotation) -> Generator[None]:
    """Clients that in turn put a key and get it over TLS, each time on a new connection."""
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
    """Put a text, or get the expected one; return the serial number of the certificate, and the error."""
    method = "GET" if put is None else "PUT"
    try:
        with connect(world, model) as connection:
            certificate = number_of(connection)
            client = http.client.HTTPConnection(COORDINATOR)
            client.sock = connection
            client.request(method, path, put and put.encode())
            answer = client.getresponse()
            text = answer.read().decode()
            is_right = answer.status < 300 and (put is not None or text == expected)
            return certificate, "" if is_right else f"{method} gave {answer.status} {text}"
    except (OSError, http.client.HTTPException) as error:
        return 0, f"{method}: {error!r}"


def summary(rotation: Rotation) -> RenderableType:
    """Return the results of clients while a certificate was replaced."""
    numbers = " → ".join(map(shortened, rotation.certificates))
    failed = len(rotation.failures)
    text = f"{rotation.answered} requests answered, {failed} failed; certificate {numbers}"
    return Text(f"✗ {text}", style="bold red") if failed else Text(f"✓ {text}", style="green")


def _processes(world: World, model: Model) -> dict[str, int | None]:
    processes = running(world).processes
    found: dict[str, int | None] = {}
    for app in ("api", "store"):
        for unit in model.application(app).units:
            found[unit.name] = processes.number(unit, unit.container("worker"), "worker")
    return found
