"""Requests that are sent continuously, while applications and whole models join and leave the mesh, or scale.

None fails that is allowed both before a change and after it, and none is allowed that is denied at both.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from sandbox import samples
from sandbox.juju import Model
from sandbox.samples import BEACON
from sandbox.world import World, open_world

MODEL = "shop"
ALLOWED = '200 {"from": "catalogue"'
"""The beginning of the catalogue's answers; a request that is denied gets another one, or none."""
PAUSE = 0.02
MOST = 5


@dataclass(frozen=True)
class Request:
    source: str
    method: str


REQUESTS = (
    Request("shop", "GET"),
    Request("shop", "DELETE"),
    Request("unrelated", "GET"),
    Request("outsider", "GET"),
)

CHANGES: Mapping[str, Callable[[Model], object]] = {
    "shop joins": lambda model: model.integrate("shop:service-mesh", BEACON),
    "unrelated joins": lambda model: model.integrate("unrelated:service-mesh", BEACON),
    "catalogue joins": lambda model: model.integrate("catalogue:service-mesh", BEACON),
    "catalogue grows": lambda model: model.add_unit("catalogue"),
    "catalogue shrinks": lambda model: model.scale("catalogue", 1),
    "beacon grows": lambda model: model.add_unit(BEACON),
    "model joins": lambda model: model.config(BEACON, {"model-on-mesh": True}),
    "model leaves": lambda model: model.config(BEACON, {"model-on-mesh": False}),
    "unrelated leaves": lambda model: model.remove_relation("unrelated:service-mesh", BEACON),
    "catalogue leaves": lambda model: model.remove_relation("catalogue:service-mesh", BEACON),
}


@dataclass
class Client:
    """Sends one kind of request while its context lasts, one after another."""

    world: World
    request: Request
    answers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def __enter__(self) -> "Client":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def ask(self) -> str:
        assert self.world.enforcement
        source = f"{MODEL}/{self.request.source}"
        return self.world.enforcement.ask(source, f"{MODEL}/catalogue", 8080, self.request.method, "/items")

    def is_allowed(self) -> bool:
        """Return whether the request is allowed once the mesh is in sync."""
        assert self.world.enforcement
        self.world.enforcement.mesh.sync()
        return self.ask().startswith(ALLOWED)

    def wrong(self, *, is_allowed: bool) -> list[str]:
        """Return the first wrong answers, and the number of all answers."""
        wrong = [answer for answer in self.answers if answer.startswith(ALLOWED) is not is_allowed]
        return [f"{len(wrong)} of {len(self.answers)}", *wrong[:MOST]] if wrong else []

    def _go_on(self) -> None:
        while not self._end.is_set():
            self.answers.append(self.ask())
            time.sleep(PAUSE)


@pytest.fixture(params=[True, False], ids=["hardened", "permissive"])
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A shop that is allowed to get items of a catalogue, and two that are not; only the beacon is in the
    mesh.
    """
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with open_world(enforcing=True, hardened=request.param) as world:
        model = world.model(MODEL)
        for charm, app in (("shop", "shop"), ("shop", "unrelated"), ("shop", "outsider")):
            samples.deploy(model, charm, app)
        for charm in ("catalogue", BEACON):
            samples.deploy(model, charm)
        model.integrate("shop:catalogue", "catalogue:catalogue")
        assert world.settle() == []
        yield world


def test_no_answer_is_wrong_meanwhile(world: World):
    assert {name: wrong for name, change in CHANGES.items() if (wrong := wrong_answers(world, change))} == {}
    assert {unit.name: unit.restarts for unit in world.model(MODEL).units if unit.restarts} == {}


def wrong_answers(world: World, change: Callable[[Model], object]) -> dict[Request, list[str]]:
    """Make a change while requests are sent; return the answers that are never right."""
    with ExitStack() as stack:
        clients = [Client(world, request) for request in REQUESTS]
        before = [client.is_allowed() for client in clients]
        for client in clients:
            stack.enter_context(client)
        change(world.model(MODEL))
        world.settle()
        after = [client.is_allowed() for client in clients]
    assert [unit.name for unit in world.model(MODEL).units if unit.error] == []
    assert all(client.answers for client in clients)
    steady = [
        (client, was) for client, was, is_now in zip(clients, before, after, strict=True) if was is is_now
    ]
    return {client.request: wrong for client, was in steady if (wrong := client.wrong(is_allowed=was))}
