"""What `explain` says is what real proxies do, in every cell of the measured matrix.

After three steps of the story; $EXPLAINED=all for each of them, which takes minutes.
"""

import os

import pytest
from lightkube.models.meta_v1 import ObjectMeta

from mesh_resources import AuthorizationPolicy
from sandbox import demo
from sandbox.matrix import Cell, Request, measure
from sandbox.mesh import Account
from sandbox.samples import BEACON, PEER_PYTHON
from sandbox.world import World, open_world
from tests.dataplane.explained import disagreements

STEPS = demo.STEPS if os.environ.get("EXPLAINED") == "all" else ("join", "cross-models", "cluster-joins")


@pytest.mark.parametrize("hardened", [True, False], ids=["hardened", "permissive"])
def test_explain_agrees_with_every_cell(hardened: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv(PEER_PYTHON, raising=False)
    cells: list[Cell] = []
    with open_world(enforcing=True, hardened=hardened) as world:
        for told in demo.tell(world, until=STEPS[-1]):
            if told.step.name in STEPS:
                cells += (measured := measure(world))
                assert disagreements(world, measured) == [], told.step.name
        assert {cell.let_through for cell in cells} == {True, False}


@pytest.mark.parametrize("hardened", [True, False], ids=["hardened", "permissive"])
def test_also_where_policies_are_made_by_hand_or_on_trial(hardened: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv(PEER_PYTHON, raising=False)
    with open_world(enforcing=True, hardened=hardened) as world:
        *_, told = demo.tell(world, until="cross-models")
        assert told.problems == []
        with_policies_on_trial(world, hardened)
        with_policies_by_hand(world)


def with_policies_on_trial(world: World, hardened: bool) -> None:
    assert world.enforcement
    mesh = world.enforcement.mesh
    asked = Request("shop/shop", "Service shop/catalogue", 8080, "GET", "/items")
    not_asked = Request("shop/shop", "Service shop/catalogue", 8080, "DELETE", "/items")
    world.model("shop").config(BEACON, {"policy-mode": "audit"})
    world.controller.settle()
    mesh.sync()
    [waypoint] = [each for each in mesh.state.waypoints if each.namespace == "shop"]
    before = mesh.recorded(waypoint)
    cells = measure(world)
    assert disagreements(world, cells) == []
    let_through = {cell.request: cell.let_through for cell in cells}
    assert let_through[asked] is let_through[not_asked] is not hardened
    after = mesh.recorded(waypoint)
    assert (after.let_through > before.let_through, after.refused > before.refused) == (
        (False, False) if hardened else (True, True)
    )
    world.model("shop").config(BEACON, {"policy-mode": "enforce"})
    world.controller.settle()


def with_policies_by_hand(world: World) -> None:
    """Also where policies deny, have patterns, or are for all behind a waypoint."""
    stranger = Account("office", "stranger").principal
    specs = {
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
                    "from": [{"source": {"principals": ["*/stranger"], "notPrincipals": [f"{stranger}x"]}}],
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
    for name, spec in specs.items():
        world.client.create(AuthorizationPolicy(metadata=ObjectMeta(name=name, namespace="shop"), spec=spec))
    assert disagreements(world, measure(world)) == []
