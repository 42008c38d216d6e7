"""Real proxies allow exactly what the relations request, and what `explain` says.

The steps are measured in both modes after each; policies of other owners, in another run.
"""

import itertools
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

from istio_policies import AuthorizationPolicy
from sandbox import demo
from sandbox.hardening import harden, remove_hardening
from sandbox.matrix import NODE, Cell, MeasuredRequest, measure
from sandbox.mesh import Account
from sandbox.samples import BEACON
from sandbox.story import play
from sandbox.world import World
from tests.dataplane.measured import MODES, Measured, measure_story
from tests.dataplane.own_world import own_world
from tests.support.explained import disagreements

CATALOGUE = "Service shop/catalogue"
KEYS = "Service shop/demo-coordinator-k8s"
UNRELATED = Account("office", "unrelated").principal

Story = Mapping[tuple[str, str], Measured]

at_each_step = pytest.mark.parametrize("step", demo.STEPS)
in_each_mode = pytest.mark.parametrize("mode", MODES)


@pytest.fixture(scope="module")
def story() -> Story:
    return measure_story()


@pytest.fixture(scope="module")
def cells(story: Story) -> list[Cell]:
    """Return the cells that were measured after the cluster had joined the mesh."""
    return story["cluster-joins", "hardened"].cells


def allowed(cells: list[Cell], source: str) -> set[tuple[str, int, str, str]]:
    """Return the requests of an application that were allowed."""
    return {
        (cell.request.target, cell.request.port, cell.request.method, cell.request.path)
        for cell in cells
        if cell.request.source == source and cell.allowed
    }


@in_each_mode
@at_each_step
def test_every_cell_is_as_relations_declare(story: Story, step: str, mode: str):
    measured = story[step, mode]
    assert measured.problems == []
    assert [cell for cell in measured.cells if not cell.is_right] == []


@in_each_mode
@at_each_step
def test_explain_agrees_with_every_cell(story: Story, step: str, mode: str):
    assert story[step, mode].disagreements == []


@in_each_mode
def test_some_cells_are_allowed_and_some_denied(story: Story, mode: str):
    cells = itertools.chain.from_iterable(story[step, mode].cells for step in demo.STEPS)
    found = {cell.allowed for cell in cells}
    assert found == {True, False}


def test_permissive_mesh_allows_more(story: Story):
    hardened, permissive = (story["cluster-joins", mode].cells for mode in MODES)
    assert allowed(hardened, "shop/shop") < allowed(permissive, "shop/shop")


def test_an_application_gets_exactly_what_its_relations_mean(cells: list[Cell]):
    outsiders = {"Service office/outsider", "pod office/outsider-0"}
    got = {request for request in allowed(cells, "shop/shop") if request[0] not in outsiders}
    assert got == {
        (CATALOGUE, 8080, "GET", "/items"),
        (CATALOGUE, 8080, "GET", "/items/example"),
        # The policy is for one segment below /items, whatever its name.
        (CATALOGUE, 8080, "GET", "/items/deeper"),
        (KEYS, 8080, "GET", "/kv/example"),
        (KEYS, 8080, "PUT", "/kv/example"),
    }


def test_scraper_reaches_workers_through_coordinator_only(
    cells: list[Cell],
):
    got = allowed(cells, "shop/prometheus")
    assert (KEYS, 3300, "GET", "/proxy/worker/example/metrics") in got
    assert ("pod shop/catalogue-0", 9100, "GET", "/") in got
    assert not {request for request in got if request[0] in ("pod shop/api-0", "pod shop/store-0")}


@in_each_mode
def test_a_node_reaches_its_pods_past_all_policies(story: Story, mode: str):
    from_node = [cell for cell in story["cluster-joins", mode].cells if cell.request.source == NODE]
    assert from_node
    assert all(cell.allowed for cell in from_node if cell.expected)
    assert {"pod shop/store-0", "pod shop/catalogue-0"} <= {
        cell.request.target for cell in from_node if cell.allowed
    }


@in_each_mode
def test_worker_is_denied_to_others(story: Story, mode: str):
    workers = ("shop/api", "shop/store")
    got = {
        cell.request.source
        for cell in story["cluster-joins", mode].cells
        if cell.allowed and cell.request.target.split(" ")[1].removesuffix("-0") in workers
    }
    assert got == {"shop/demo-coordinator-k8s", *workers, NODE}


@pytest.mark.parametrize("source", ["office/unrelated", "office/outsider"])
def test_unrelated_application_reaches_nothing_in_the_mesh(cells: list[Cell], source: str):
    targets = {target for target, *_ in allowed(cells, source)}
    assert targets <= {"Service office/outsider", "pod office/outsider-0"}


def test_cross_model_application_gets_what_its_relation_allows(cells: list[Cell]):
    targets = {target for target, *_ in allowed(cells, "office/kiosk")}
    assert targets == {CATALOGUE, "Service office/outsider", "pod office/outsider-0"}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The steps up to where two models are related."""
    with own_world() as world:
        *_, played = play(world, demo.STORY, until="cross-models")
        assert played.problems == []
        yield world


@contextmanager
def in_mode(world: World, mode: str) -> Generator[None]:
    if mode == "hardened":
        yield
        return
    remove_hardening(world.client)
    try:
        yield
    finally:
        harden(world.client)


@contextmanager
def by_hand(world: World, **specs: dict[str, object]) -> Generator[None]:
    """With policies of another owner in the model."""
    for name, spec in specs.items():
        world.client.create(AuthorizationPolicy(metadata=ObjectMeta(name=name, namespace="shop"), spec=spec))
    try:
        yield
    finally:
        for name in specs:
            world.client.delete(AuthorizationPolicy, name, namespace="shop")


def test_manual_policy_is_measured_and_removed(world: World):
    opening: dict[str, object] = {
        "targetRefs": [{"group": "", "kind": "Service", "name": "catalogue"}],
        "rules": [
            {
                "from": [{"source": {"principals": [UNRELATED]}}],
                "to": [{"operation": {"ports": ["8080"], "paths": ["/elsewhere"]}}],
            }
        ],
    }
    with by_hand(world, opening=opening):
        wrong = [cell.request for cell in measure(world) if not cell.is_right]
    assert wrong == [MeasuredRequest("office/unrelated", CATALOGUE, 8080, "GET", "/elsewhere")]
    assert all(cell.is_right for cell in measure(world))


def test_without_its_label_a_pod_is_outside_the_mesh(world: World):
    label = "istio.io/dataplane-mode"
    world.client.patch(Pod, "shop-0", {"metadata": {"labels": {label: None}}}, namespace="shop")
    cells = measure(world)
    assert allowed(cells, "shop/shop") == allowed(cells, "office/outsider")
    assert allowed(cells, "office/kiosk") - allowed(cells, "office/outsider")
    world.client.patch(Pod, "shop-0", {"metadata": {"labels": {label: "ambient"}}}, namespace="shop")
    assert all(cell.is_right for cell in measure(world))


@in_each_mode
def test_explain_agrees_in_audit_mode(world: World, mode: str):
    assert world.enforcement
    mesh = world.enforcement.mesh
    requested = MeasuredRequest("shop/shop", CATALOGUE, 8080, "GET", "/items")
    not_asked = MeasuredRequest("shop/shop", CATALOGUE, 8080, "DELETE", "/items")
    with in_mode(world, mode):
        world.model("shop").config(BEACON, {"policy-mode": "audit"})
        world.controller.settle()
        mesh.sync()
        [waypoint] = [each for each in mesh.state.waypoints if each.namespace == "shop"]
        before = mesh.recorded(waypoint)
        cells = measure(world)
        assert disagreements(world, cells) == []
        got = {cell.request: cell.allowed for cell in cells}
        assert got[requested] is got[not_asked] is True
        after = mesh.recorded(waypoint)
        assert after.allowed > before.allowed
        assert after.denied > before.denied
        world.model("shop").config(BEACON, {"policy-mode": "enforce"})
        world.controller.settle()


@in_each_mode
def test_explain_agrees_where_policies_are_made_by_hand(world: World, mode: str):
    """Also where they deny, have patterns, or are for everything behind a waypoint."""
    specs: dict[str, dict[str, object]] = {
        "deny-at-service": {
            "targetRefs": [{"group": "", "kind": "Service", "name": "catalogue"}],
            "action": "DENY",
            "rules": [{"to": [{"operation": {"paths": ["/items/*"], "notMethods": ["PUT"]}}]}],
        },
        "deny-at-pods": {
            "selector": {"matchLabels": {"app.kubernetes.io/name": "shop"}},
            "action": "DENY",
            "rules": [{"from": [{"source": {"notNamespaces": ["office"]}}]}],
        },
        "patterns": {
            "targetRefs": [{"group": "", "kind": "Service", "name": "shop"}],
            "rules": [
                {
                    "from": [{"source": {"principals": ["*/unrelated"], "notPrincipals": [f"{UNRELATED}x"]}}],
                    "to": [{"operation": {"methods": ["G*"], "notPaths": ["*/deeper"]}}],
                }
            ],
        },
        "whole-waypoint": {
            "targetRefs": [
                {
                    "group": "gateway.networking.k8s.io",
                    "kind": "Gateway",
                    "name": "shop-istio-beacon-k8s-waypoint",
                }
            ],
            "rules": [{"from": [{"source": {"namespaces": ["office"]}}]}],
        },
    }
    with in_mode(world, mode), by_hand(world, **specs):
        cells = measure(world)
        assert disagreements(world, cells) == []
