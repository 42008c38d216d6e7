"""The whole story through real proxies: who can reach what is exactly what the relations ask for."""

from collections.abc import Iterator

import pytest
from lightkube.models.meta_v1 import ObjectMeta

from mesh_resources import AuthorizationPolicy
from sandbox import demo
from sandbox.matrix import Cell, Request, measure
from sandbox.mesh import Account
from sandbox.samples import PEER_PYTHON
from sandbox.world import World, open_world

CATALOGUE = "Service shop/catalogue"
KEYS = "Service shop/demo-coordinator-k8s"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The story up to where the cluster has joined the mesh."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("KUBECONFIG", raising=False)
        environment.delenv(PEER_PYTHON, raising=False)
        with open_world(enforcing=True) as world:
            for told in demo.tell(world, until="cluster-joins"):
                assert told.problems == [], told.step.name
            yield world


@pytest.fixture(scope="module")
def cells(world: World) -> list[Cell]:
    return measure(world)


def let_through(cells: list[Cell], source: str) -> set[tuple[str, int, str, str]]:
    """What an application gets through with."""
    return {
        (cell.request.target, cell.request.port, cell.request.method, cell.request.path)
        for cell in cells
        if cell.request.source == source and cell.let_through
    }


def test_every_cell_is_as_the_relations_ask_for(cells: list[Cell]):
    assert [cell for cell in cells if not cell.is_right] == []


def test_an_application_gets_exactly_what_its_relations_mean(cells: list[Cell]):
    outsiders = {"Service office/outsider", "pod office/outsider-0"}
    got = {request for request in let_through(cells, "shop/shop") if request[0] not in outsiders}
    assert got == {
        (CATALOGUE, 8080, "GET", "/items"),
        (CATALOGUE, 8080, "GET", "/items/example"),
        # One segment below /items is asked for; that it is called so is by chance.
        (CATALOGUE, 8080, "GET", "/items/deeper"),
        (KEYS, 8080, "GET", "/kv/example"),
        (KEYS, 8080, "PUT", "/kv/example"),
    }


def test_a_scraper_gets_to_the_metrics_and_to_those_of_workers_only_through_the_coordinator(
    cells: list[Cell],
):
    got = let_through(cells, "shop/prometheus")
    assert (KEYS, 3300, "GET", "/proxy/worker/example/metrics") in got
    assert ("pod shop/catalogue-0", 9100, "GET", "/") in got
    assert not {request for request in got if request[0] in ("pod shop/api-0", "pod shop/store-0")}


@pytest.mark.parametrize("source", ["office/stranger", "office/outsider"])
def test_who_is_related_to_nobody_gets_nowhere_in_the_mesh(cells: list[Cell], source: str):
    targets = {target for target, *_ in let_through(cells, source)}
    assert targets <= {"Service office/outsider", "pod office/outsider-0"}


def test_a_neighbour_of_another_model_gets_what_its_own_relation_means(cells: list[Cell]):
    targets = {target for target, *_ in let_through(cells, "office/kiosk")}
    assert targets == {CATALOGUE, "Service office/outsider", "pod office/outsider-0"}


def test_a_door_opened_by_hand_is_measured_as_wrong_and_shut_again(world: World):
    principal = Account("office", "stranger").principal
    spec = {
        "targetRefs": [{"group": "", "kind": "Service", "name": "catalogue"}],
        "rules": [
            {
                "from": [{"source": {"principals": [principal]}}],
                "to": [{"operation": {"ports": ["8080"], "paths": ["/elsewhere"]}}],
            }
        ],
    }
    metadata = ObjectMeta(name="by-hand", namespace="shop")
    world.client.create(AuthorizationPolicy(metadata=metadata, spec=spec))
    try:
        wrong = [cell.request for cell in measure(world) if not cell.is_right]
    finally:
        world.client.delete(AuthorizationPolicy, "by-hand", namespace="shop")
    assert wrong == [Request("office/stranger", CATALOGUE, 8080, "GET", "/elsewhere")]
    assert all(cell.is_right for cell in measure(world))


def test_without_its_label_a_pod_is_outside_the_mesh(world: World):
    from lightkube.resources.core_v1 import Pod

    label = "istio.io/dataplane-mode"
    world.client.patch(Pod, "shop-0", {"metadata": {"labels": {label: None}}}, namespace="shop")
    cells = measure(world)
    assert let_through(cells, "shop/shop") == let_through(cells, "office/outsider")
    assert let_through(cells, "office/kiosk") - let_through(cells, "office/outsider")
    world.client.patch(Pod, "shop-0", {"metadata": {"labels": {label: "ambient"}}}, namespace="shop")
    assert all(cell.is_right for cell in measure(world))
