"""A whole model in a mesh that is not hardened: policies on pods hold for requests to the Service, too."""

import pytest

from sandbox import samples
from sandbox.samples import BEACON
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
