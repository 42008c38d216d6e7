"""The workers' telemetry reaches its backends through the coordinator only."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from sandbox import samples, telemetry
from sandbox.juju import Application
from sandbox.mesh import Account
from sandbox.samples import BEACON, COORDINATOR, WORKER
from sandbox.world import World, open_world

MODEL = "m"
BACKEND_POD = "pod m/observatory-0"


@dataclass
class Observed:
    """A world with a cluster and a backend, after a request of a user."""

    world: World
    problems: list[str]
    trace: str
    missing: list[str]

    def app(self, name: str) -> Application:
        return self.world.model(MODEL).application(name)

    def answered(self, app: str) -> set[str]:
        """Return the places where an application got an answer."""
        assert self.world.enforcement
        return set(self.world.enforcement.mesh.answered(Account(MODEL, app)))

    def units(self, kind: str) -> set[str]:
        return {each.unit for each in telemetry.arrived(self.world) if each.kind == kind}

    def texts(self, kind: str, unit: str) -> list[str]:
        found = [each for each in telemetry.arrived(self.world) if (each.kind, each.unit) == (kind, unit)]
        return list(itertools.chain.from_iterable(each.latest for each in found))


@pytest.fixture(scope="module")
def observed() -> Iterator[Observed]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("KUBECONFIG", raising=False)
        with open_world(enforcing=True) as world:
            model = world.model(MODEL)
            for charm in (BEACON, COORDINATOR, "shop", telemetry.BACKEND):
                samples.deploy(model, charm)
            samples.deploy(model, WORKER, "api", config={"role-api": True})
            samples.deploy(model, WORKER, "store", config={"role-store": True})
            for app in ("api", "store"):
                model.integrate(f"{app}:demo-cluster", COORDINATOR)
            for app in (COORDINATOR, "shop", telemetry.BACKEND):
                model.integrate(f"{app}:service-mesh", BEACON)
            model.integrate("shop:kv", f"{COORDINATOR}:kv-api")
            world.settle()
            telemetry.relate(model, COORDINATOR)
            problems = world.settle()
            trace = telemetry.put_key(world, model.application("shop"))
            missing = telemetry.wait_for(world, model.application(COORDINATOR), trace)
            yield Observed(world, problems, trace, missing)


def test_only_declared_requests_are_allowed(observed: Observed) -> None:
    assert observed.problems == []


def test_telemetry_of_every_kind_arrives(observed: Observed) -> None:
    assert observed.missing == []


def test_worker_metrics_are_scraped_through_coordinator(observed: Observed) -> None:
    assert {"api/0", "store/0"} <= observed.units("scraped metric")
    assert any(text.startswith("kv_keys") for text in observed.texts("scraped metric", "store/0"))
    assert f"service m/{COORDINATOR}:3300" in observed.answered(telemetry.BACKEND)
    assert not any("api-0" in place or "store-0" in place for place in observed.answered(telemetry.BACKEND))


def test_every_workers_metrics_are_pushed(observed: Observed) -> None:
    assert observed.units("pushed metric") == {"api/0", "store/0"}
    assert any(text.startswith("kv_keys ") for text in observed.texts("pushed metric", "store/0"))


@pytest.mark.parametrize("kind", ["log line", "span"])
def test_request_is_followed_from_api_to_store(observed: Observed, kind: str) -> None:
    for unit in ("api/0", "store/0"):
        assert any(observed.trace in text for text in observed.texts(kind, unit)), unit


def test_what_arrives_comes_with_coordinators_identity(observed: Observed) -> None:
    places = {f"{BACKEND_POD}:3100", f"{BACKEND_POD}:9090", "service m/observatory:4318"}
    assert places <= observed.answered(COORDINATOR)
    assert places.isdisjoint(observed.answered("api") | observed.answered("store"))


@pytest.mark.parametrize("worker", ["api", "store"])
def test_worker_that_goes_straight_to_backend_is_refused(observed: Observed, worker: str) -> None:
    attempts = telemetry.straight(observed.world, observed.app(worker), observed.app(telemetry.BACKEND))
    assert len(attempts) == 3
    assert [attempt.url for attempt in attempts if not attempt.refusal] == []
    assert f"{worker} itself" not in observed.units("log line") | observed.units("span")


def test_the_same_requests_of_coordinator_are_allowed(observed: Observed) -> None:
    coordinator, backend = observed.app(COORDINATOR), observed.app(telemetry.BACKEND)
    attempts = telemetry.straight(observed.world, coordinator, backend)
    assert [attempt.refusal for attempt in attempts] == ["", "", ""]
    assert f"{COORDINATOR} itself" in observed.units("log line") & observed.units("span")


def test_backend_is_open_for_coordinator_alone(observed: Observed) -> None:
    into_backend = {flow for flow in observed.world.flows if "observatory" in flow.target}
    # The waypoint has checked the policies on the Service before it sends requests to pods.
    [to_pods] = {flow for flow in into_backend if flow.source == f"{MODEL}/{MODEL}-{BEACON}-waypoint"}
    assert to_pods.target == "units of m/observatory"
    into_backend -= {to_pods}
    assert {flow.source for flow in into_backend} == {f"m/{COORDINATOR}"}
    assert {flow.requests for flow in into_backend} == {
        "anything on 3100",
        "anything on 9090",
        "POST /v1/traces on 4318",
    }
