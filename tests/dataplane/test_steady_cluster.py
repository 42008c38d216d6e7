"""Requests that a cluster answers continuously, while its coordinator leaves the mesh."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from istio_policies import AuthorizationPolicy
from k8s_charm import metadata
from sandbox import samples
from sandbox.samples import BEACON, COORDINATOR, WORKER
from sandbox.world import World, open_world

MODEL = "kv"
ANSWER = "404 no such key"
"""The answer of a store: the request has passed the coordinator and a worker's pod."""


@pytest.fixture(params=[True, False], ids=["hardened", "permissive"])
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A cluster and a shop that uses it, in the mesh."""
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with open_world(enforcing=True, hardened=request.param) as world:
        model = world.model(MODEL)
        for charm in (COORDINATOR, "shop", "storage", BEACON):
            samples.deploy(model, charm)
        for role in ("api", "store"):
            samples.deploy(model, WORKER, role, config={f"role-{role}": True})
            model.integrate(f"{COORDINATOR}:demo-cluster", f"{role}:demo-cluster")
        model.integrate(f"{COORDINATOR}:s3", "storage:s3-credentials")
        model.integrate("shop:kv", f"{COORDINATOR}:kv-api")
        for app in ("shop", COORDINATOR):
            model.integrate(f"{app}:service-mesh", BEACON)
        world.settle()
        yield world


def ask(world: World) -> str:
    assert world.enforcement
    return world.enforcement.ask(f"{MODEL}/shop", f"{MODEL}/{COORDINATOR}", 8080, "GET", "/kv/greeting")


@contextmanager
def asking(world: World) -> Iterator[list[str]]:
    """Send requests all the time; the answers are complete after the context."""
    answers: list[str] = []
    end = threading.Event()

    def go_on() -> None:
        while not end.is_set():
            answers.append(ask(world))
            end.wait(0.02)

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield answers
    finally:
        end.set()
        thread.join()


def test_every_request_is_answered_while_the_coordinator_leaves(world: World):
    model = world.model(MODEL)
    with asking(world) as answers:
        model.remove_relation(f"{COORDINATOR}:service-mesh", BEACON)
        world.settle()
        assert world.enforcement
        world.enforcement.mesh.sync()
    assert [answer for answer in answers if answer != ANSWER] == []
    assert len(answers) > 1
    model.update_status(COORDINATOR)
    world.settle()
    policies = [metadata(each)["name"] for each in world.client.list(AuthorizationPolicy, namespace=MODEL)]
    assert [name for name in policies if COORDINATOR in name] == []
