"""A real waypoint of the real istiod allows the same requests as the sandbox's and `explain`.

It measures some steps of the demo on both kinds of waypoint.
"""

from __future__ import annotations

import contextlib
import itertools
import ssl
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from lightkube import Client, KubeConfig
from lightkube.models.meta_v1 import ObjectMeta

from istio_policies import AuthorizationPolicy
from sandbox import demo
from sandbox.control_plane import (
    STATEFUL_SETS,
    ControllerManager,
    Istiod,
    NotAvailableError,
    StartedKubernetes,
    Waypoints,
)
from sandbox.enforcement import enforce
from sandbox.hardening import harden, remove_hardening
from sandbox.juju import Controller
from sandbox.matrix import NODE, Cell, MeasuredRequest, measure, reaches_application
from sandbox.mesh import Account
from sandbox.real_mesh import RealMesh
from sandbox.samples import BEACON
from sandbox.story import play
from sandbox.world import World
from tests.support.explained import disagreements

pytestmark = pytest.mark.fidelity

MODES = ("hardened", "permissive")
STEPS = ("cross-models", "cluster-joins")
AUDIT = "audit"
NO_AUTO_ALLOW = "no-auto-allow"
"""The last step once more, with another istiod: one that does not allow waypoints at pods."""
MODEL_ON_MESH = "model-on-mesh"
"""Whole models in the mesh, with that istiod."""
AT_A_TIME = 8

ASKS_ITEMS = "shop/shop"
"""A policy names the methods and paths that it may ask the catalogue for."""
ASKS_ANYTHING = "office/unrelated"
"""A policy made by hand names the port alone."""
BY_PORT: dict[str, object] = {
    "targetRefs": [{"group": "", "kind": "Service", "name": "catalogue"}],
    "rules": [
        {
            "from": [{"source": {"principals": [Account(*ASKS_ANYTHING.split("/")).principal]}}],
            "to": [{"operation": {"ports": ["8080"]}}],
        }
    ],
}


@dataclass(frozen=True)
class Compared:
    """A moment of the story."""

    sandbox: list[Cell]
    real: list[Cell]
    """The same requests on the real waypoint."""
    disagreements: list[str]
    """The real cells of which `explain` says something else."""


@dataclass(frozen=True)
class RealWorld:
    """The sandbox's models on a real control plane, with real waypoints beside the sandbox's."""

    world: World
    mesh: RealMesh

    def compare(self) -> Compared:
        self.mesh.sync(model.name for model in self.world.models)
        # What comes from a node itself passes no waypoint.
        sandbox = [cell for cell in measure(self.world) if cell.request.source != NODE]
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            answers = pool.map(self.allows, [cell.request for cell in sandbox])
            real = [replace(cell, allowed=answer) for cell, answer in zip(sandbox, answers, strict=True)]
        return Compared(sandbox, real, disagreements(self.world, real))

    def allows(self, request: MeasuredRequest) -> bool:
        source = Account(*request.source.split("/"))
        kind, target = request.target.split(" ")
        if kind == "pod":
            return self._reaches_pod(source, target, request.port)
        if self.mesh.passes_waypoint(source, target):
            try:
                _, body = self.mesh.request(source, target, request.port, request.method, request.path)
            except OSError:
                return False
            return reaches_application(body)
        assert self.world.enforcement
        services = self.world.enforcement.mesh.state.services
        [service] = [each for each in services if f"{each.namespace}/{each.name}" == target]
        return request.port in service.ports and any(
            self._reaches_pod(source, f"{pod.namespace}/{pod.name}", service.ports[request.port])
            for pod in service.pods
        )

    def _reaches_pod(self, source: Account, name: str, port: int) -> bool:
        assert self.world.enforcement
        sandbox = self.world.enforcement.mesh
        [pod] = [each for each in sandbox.state.pods if f"{each.namespace}/{each.name}" == name]
        return port in sandbox.ports(pod) and self.mesh.admits(source, name, port)


@contextlib.contextmanager
def models(folder: Path, kubernetes: StartedKubernetes) -> Generator[World]:
    """Start the sandbox's Juju and its mesh on a Kubernetes that has no istiod yet."""
    kubernetes.install_custom_resources()
    kubeconfig = kubernetes.write_kubeconfig(folder / "kubeconfig")
    client = Client(KubeConfig.from_file(str(kubeconfig)), trust_env=False)
    with (
        ControllerManager(kubernetes, STATEFUL_SETS),
        Waypoints(kubernetes.admin),
        enforce(client, folder, hardened=True) as enforcement,
    ):
        processes = enforcement.processes
        with Controller(kubeconfig, workload=processes, hosts=processes.hosts) as controller:
            yield World(controller, client, "", patience=60, enforcement=enforcement)


@dataclass(frozen=True)
class Story:
    """Observations during the steps."""

    compared: Mapping[tuple[str, str], Compared]
    """By the moment and the mode."""
    answers_to_tls: Mapping[str, bytes]
    """What an application got that spoke TLS to the catalogue, by its name."""


def tell(real: RealWorld) -> Iterator[tuple[tuple[str, str], Compared]]:
    """Run the steps up to the last interesting one, and compare in both modes at each."""
    for done in play(real.world, demo.STORY, until=STEPS[-1]):
        if done.step.name in STEPS:
            yield from compare_in_modes(real, done.step.name)


def configured(
    real: RealWorld, moment: str, options: Mapping[str, str | bool]
) -> Iterator[tuple[tuple[str, str], Compared]]:
    """Set options of both beacons, and compare in both modes."""
    for model in (demo.SHOP, demo.OFFICE):
        real.world.model(model).config(BEACON, options)
    real.world.settle()
    yield from compare_in_modes(real, moment)


def answer_to_tls(real: RealWorld, app: str) -> bytes:
    """Begin TLS with the catalogue through its waypoint, and return what comes back."""
    outgoing = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="catalogue")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    policy = AuthorizationPolicy(metadata=ObjectMeta(name="by-port", namespace="shop"), spec=BY_PORT)
    real.world.client.create(policy)
    try:
        real.mesh.sync(model.name for model in real.world.models)
        with real.mesh.connect(Account(*app.split("/")), "shop/catalogue", 8080) as tunnel:
            tunnel.send(outgoing.read())
            return tunnel.receive()
    except OSError:
        return b""
    finally:
        real.world.client.delete(AuthorizationPolicy, "by-port", namespace="shop")


def compare_in_modes(real: RealWorld, moment: str) -> Iterator[tuple[tuple[str, str], Compared]]:
    yield (moment, "hardened"), real.compare()
    remove_hardening(real.world.client)
    yield (moment, "permissive"), real.compare()
    harden(real.world.client)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("w")
    files = folder / "real"
    files.mkdir()
    try:
        with StartedKubernetes() as kubernetes, models(folder, kubernetes) as world:
            assert world.enforcement
            sandbox = world.enforcement.mesh
            first, other = (Istiod(kubernetes, auto_allow=on) for on in (True, False))
            with RealMesh(first, sandbox, files) as mesh:
                real = RealWorld(world, mesh)
                with first:
                    compared = dict(tell(real))
                    answers = {app: answer_to_tls(real, app) for app in (ASKS_ITEMS, ASKS_ANYTHING)}
                    compared.update(configured(real, AUDIT, {"policy-mode": "audit"}))
                with other:
                    mesh.follow(other)
                    sandbox.auto_allow = False
                    compared.update(configured(real, NO_AUTO_ALLOW, {"policy-mode": "enforce"}))
                    compared.update(configured(real, MODEL_ON_MESH, {"model-on-mesh": True}))
            return Story(compared, answers)
    except NotAvailableError as missing:
        pytest.skip(str(missing))


in_each_mode = pytest.mark.parametrize("mode", MODES)
at_each_moment = pytest.mark.parametrize("moment", [*STEPS, AUDIT, NO_AUTO_ALLOW, MODEL_ON_MESH])


@in_each_mode
@at_each_moment
def test_same_as_sandbox(story: Story, moment: str, mode: str):
    compared = story.compared[moment, mode]
    assert set(compared.real) - set(compared.sandbox) == set()


@in_each_mode
@at_each_moment
def test_explain(story: Story, moment: str, mode: str):
    assert story.compared[moment, mode].disagreements == []


@in_each_mode
def test_auto_allow_decides_nothing(story: Story, mode: str):
    assert story.compared[NO_AUTO_ALLOW, mode].real == story.compared[STEPS[-1], mode].real


@in_each_mode
def test_both_answers(story: Story, mode: str):
    cells = itertools.chain.from_iterable(story.compared[moment, mode].real for moment in STEPS)
    found = {cell.allowed for cell in cells}
    assert found == {True, False}


@in_each_mode
def test_audit_denies_no_request(story: Story, mode: str):
    """Access depends on a request's target and port, and not on its source or content."""
    answers: defaultdict[tuple[str, int], set[bool]] = defaultdict(set)
    for cell in story.compared[AUDIT, mode].real:
        answers[cell.request.target, cell.request.port].add(cell.allowed)
    assert [place for place, found in answers.items() if len(found) > 1] == []


def test_tls_inside(story: Story):
    """The catalogue itself does not use TLS: an answer of any kind shows that it was reached."""
    assert story.answers_to_tls[ASKS_ANYTHING]
    assert not story.answers_to_tls[ASKS_ITEMS]
