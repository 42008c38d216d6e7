"""A consumer that moves from one beacon of a model to another stays reachable."""

from collections.abc import Iterator

import pytest

from k8s_charm import Owner
from mesh_inspection import UnclearQuestionError, View, explain, read_cluster, read_question
from sandbox import samples
from sandbox.juju import OPERATIONS, DebugLogLine, Model
from sandbox.samples import BEACON
from sandbox.world import World, open_world

SECOND = "second-beacon"
NOBODY = View(Owner("nobody", "nowhere"), {})


class Watch:
    """Checks after each event that the shop reaches the catalogue, by the policies and by requests."""

    def __init__(self) -> None:
        self.world: World | None = None
        self.shut: list[str] = []
        self.answers: list[str] = []

    def __call__(self, line: DebugLogLine) -> None:
        if self.world and line.module == OPERATIONS:
            verdict, answer = self._look(self.world)
            self.answers.append(answer)
            if verdict == "denied" or answer.startswith("403"):
                self.shut.append(f"{verdict}, {answer} after {line}")

    @staticmethod
    def _look(world: World) -> tuple[str, str]:
        assert world.enforcement
        world.enforcement.mesh.sync()
        request = {"source": "shop", "target": "catalogue", "port": 8080, "method": "GET", "path": "/items"}
        requested = read_question(request, "shop")
        cluster = read_cluster(world.client, source_namespace="shop", target_namespace="shop")
        try:
            verdict = explain(requested, cluster, NOBODY).verdict
        except UnclearQuestionError:
            verdict = "unreachable"  # while Kubernetes replaces a pod
        return verdict, world.enforcement.ask("shop/shop", "shop/catalogue", 8080, "GET", "/items")


@pytest.fixture(params=[True, False], ids=["hardened", "permissive"])
def watched(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[World, Watch]]:
    """Two beacons, a shop and an unrelated application with the second, and a catalogue with the first."""
    monkeypatch.delenv("KUBECONFIG", raising=False)
    watch = Watch()
    with open_world(watch, enforcing=True, hardened=request.param) as world:
        model = world.model("shop")
        samples.deploy(model, BEACON)
        samples.deploy(model, BEACON, SECOND)
        for charm, app in (("catalogue", "catalogue"), ("shop", "shop"), ("shop", "unrelated")):
            samples.deploy(model, charm, app)
        model.integrate("catalogue:service-mesh", BEACON)
        for app in ("shop", "unrelated"):
            model.integrate(f"{app}:service-mesh", SECOND)
        model.integrate("shop:catalogue", "catalogue:catalogue")
        assert world.settle() == []
        yield world, watch


def test_consumer_that_moves_keeps_its_allowed_traffic(watched: tuple[World, Watch]):
    world, watch = watched
    model = world.model("shop")
    waypoint_of_catalogue(world, f"shop-{BEACON}-waypoint")
    watch.world = world
    # For a while it cannot remove its labels.
    model.trust("catalogue", remove=True)
    model.remove_relation("catalogue:service-mesh", BEACON)
    world.settle()
    waypoint_of_catalogue(world, f"shop-{BEACON}-waypoint")
    assert ask(world, "shop").startswith("200")
    assert ask(world, "unrelated").startswith("403")
    model.trust("catalogue")
    model.integrate("catalogue:service-mesh", SECOND)
    assert world.settle() == []
    assert watch.shut == []
    assert sum(answer.startswith("200") for answer in watch.answers) > len(watch.answers) / 2
    waypoint_of_catalogue(world, f"shop-{SECOND}-waypoint")
    assert ask(world, "shop").startswith("200")
    assert ask(world, "unrelated").startswith("403")
    # Each of the two finds its own policies.
    assert listed(model, BEACON) == set()
    assert listed(model, SECOND) == {f"shop/shop.{SECOND}.catalogue.app.from.shop.shop"}
    messages = [model.application(each).units[0].workload_status[1] for each in (BEACON, SECOND)]
    # In a mesh that is not hardened, a list of open targets follows.
    shown = [message.partition("; open to all: ")[0] for message in messages]
    assert shown == ["0 policies for 0 consumers", "1 policy for 3 consumers, enforced"]


def ask(world: World, source: str) -> str:
    assert world.enforcement
    return world.enforcement.ask(f"shop/{source}", "shop/catalogue", 8080, "GET", "/items")


def waypoint_of_catalogue(world: World, name: str) -> None:
    assert world.enforcement
    (service,) = (each for each in world.enforcement.mesh.state.services if each.name == "catalogue")
    assert service.waypoint
    assert service.waypoint.name == name


def listed(model: Model, beacon: str) -> set[str]:
    """Return the policies that a beacon lists as its own."""
    found = model.run(f"{beacon}/0", "list-policies", {"format": "json"}).results
    policies = found.get("policies", {})
    assert isinstance(policies, dict)
    return {row["policy"] for row in policies.values() if isinstance(row, dict)}
