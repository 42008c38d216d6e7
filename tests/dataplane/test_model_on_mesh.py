"""A whole model in a mesh that is not hardened: policies on pods hold for requests to the Service, too."""

import functools

import pytest

from sandbox import samples
from sandbox.enforcement import enforce
from sandbox.samples import BEACON, COORDINATOR, WORKER
from sandbox.world import open_world


def test_pods_keep_their_policies(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with open_world(enforcing=True, hardened=False) as world:
        model = world.model("shop")
        for charm, app in (("shop", "shop"), ("shop", "outsider"), ("prometheus", "prometheus")):
            samples.deploy(model, charm, app)
        samples.deploy(model, BEACON, config={"model-on-mesh": True})
        model.integrate("shop:service-mesh", BEACON)
        model.integrate("shop:metrics-endpoint", "prometheus:metrics-endpoint")
        world.settle()
        enforcement = world.enforcement
        assert enforcement
        enforcement.mesh.sync()

        def ask(source: str) -> str:
            return enforcement.ask(f"shop/{source}", "shop/shop", 9100, "GET", "/metrics")[:3]

        assert [ask("prometheus"), ask("outsider")] == ["200", "no "]
        model.config(BEACON, {"model-on-mesh": False})
        world.settle()
        enforcement.mesh.sync()
        assert ask("outsider") == "no "


def test_workers_reach_their_coordinator_without_auto_allow(monkeypatch: pytest.MonkeyPatch):
    """istiod allows the waypoint at no pod, and no relation makes the beacon allow it at the others."""
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr("sandbox.world.enforce", functools.partial(enforce, auto_allow=False))
    with open_world(enforcing=True) as world:
        model = world.model("cos")
        for charm in (COORDINATOR, "shop", "storage"):
            samples.deploy(model, charm)
        for role in ("api", "store"):
            samples.deploy(model, WORKER, role, config={f"role-{role}": True})
            model.integrate(f"{COORDINATOR}:demo-cluster", f"{role}:demo-cluster")
        samples.deploy(model, BEACON, config={"model-on-mesh": True})
        model.integrate(f"{COORDINATOR}:service-mesh", BEACON)
        model.integrate(f"{COORDINATOR}:s3", "storage:s3-credentials")
        world.settle()
        enforcement = world.enforcement
        assert enforcement
        enforcement.mesh.sync()

        def ask(source: str) -> str:
            return enforcement.ask(f"cos/{source}", f"cos/{COORDINATOR}", 8080, "GET", "/kv/greeting")

        # A store has answered, so the coordinator reaches workers as well.
        assert [ask("api"), ask("store")] == ["404 no such key"] * 2
        assert ask("shop").startswith("403 RBAC")
