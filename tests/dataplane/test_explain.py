"""What `explain` says is what real proxies do, in every cell of the measured matrix."""

import pytest
from lightkube.models.meta_v1 import ObjectMeta

from mesh_resources import AuthorizationPolicy
from sandbox import demo
from sandbox.matrix import Cell, measure
from sandbox.mesh import Account
from sandbox.samples import PEER_PYTHON
from sandbox.world import World, open_world
from tests.dataplane.explained import disagreements

STEPS = ("join", "cross-models", "cluster-joins")


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
        with_policies_by_hand(world)


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
