"""Requested flows, flows in Kubernetes, and the differences between them."""

from collections.abc import Iterator
from typing import Any

import pytest

from istio_policies import AuthorizationPolicy
from sandbox.flows import Flow, actual_flows, expected_flows, expected_pods
from sandbox.juju import Controller, Model
from sandbox.tests.small_charms import WriteCharm
from sandbox.world import World, open_world

MESH = {"service-mesh": {"interface": "service_mesh"}}
CATALOGUE = {"catalogue": {"interface": "sample_catalogue"}}
METRICS = {"metrics-endpoint": {"interface": "prometheus_scrape"}}
CROSS_PROVIDED = {"provide-cmr-mesh": {"interface": "cross_model_mesh"}}
CROSS_REQUIRED = {"require-cmr-mesh": {"interface": "cross_model_mesh"}}

READS = "GET /items or /items/{*} on 8080"
OF_THE_WAYPOINT = Flow("shop/shop-istio-beacon-k8s-waypoint", "units of shop/catalogue", "anything")


def deploy(model: Model, write_charm: WriteCharm, *apps: str) -> None:
    """Charms with the endpoints of the real ones and no code."""
    charms: dict[str, dict[str, Any]] = {
        "istio-beacon-k8s": {"provides": {**MESH, **METRICS}},
        "catalogue": {"provides": {**CATALOGUE, **METRICS, **CROSS_PROVIDED}, "requires": MESH},
        "shop": {"requires": {**CATALOGUE, **MESH, **CROSS_REQUIRED}},
        "prometheus": {"requires": {**METRICS, **MESH}},
    }
    for app in apps:
        model.deploy(write_charm(app, **charms[app]))


def shop_and_office(juju: Controller, write_charm: WriteCharm) -> tuple[Model, Model]:
    """A model with a catalogue in the mesh, and one with a shop."""
    shop, office = juju.add_model("shop"), juju.add_model("office")
    deploy(shop, write_charm, "istio-beacon-k8s", "catalogue")
    deploy(office, write_charm, "shop")
    shop.integrate("catalogue", "istio-beacon-k8s:service-mesh")
    return shop, office


def test_relation_asks_for_what_its_charm_declares(model: Model, write_charm: WriteCharm) -> None:
    deploy(model, write_charm, "istio-beacon-k8s", "catalogue", "shop", "prometheus")
    model.integrate("catalogue:catalogue", "shop:catalogue")
    model.integrate("catalogue:metrics-endpoint", "prometheus")
    model.integrate("istio-beacon-k8s:metrics-endpoint", "prometheus")
    of_the_beacon = Flow("shop/prometheus", "units of shop/istio-beacon-k8s", "anything on 15090")
    assert expected_flows([model]) == {of_the_beacon}
    model.integrate("catalogue:service-mesh", "istio-beacon-k8s")
    assert expected_flows([model]) == {
        of_the_beacon,
        Flow("shop/shop", "shop/catalogue", READS),
        Flow("shop/prometheus", "units of shop/catalogue", "anything on 9100"),
        OF_THE_WAYPOINT,
    }
    waypoint = "shop-istio-beacon-k8s-waypoint"
    assert expected_pods([model]) == {
        "shop/istio-beacon-k8s-0": waypoint,
        "shop/catalogue-0": waypoint,
        "shop/shop-0": None,
        "shop/prometheus-0": None,
    }


def test_unresolved_until_identity_is_published(juju: Controller, write_charm: WriteCharm) -> None:
    shop, office = shop_and_office(juju, write_charm)
    office.consume(shop.offer("catalogue", "catalogue", "provide-cmr-mesh"))
    office.integrate("shop:catalogue", "catalogue:catalogue")
    remote_name = f"shop/remote-{office.application('shop').uuid}"
    assert expected_flows([shop, office]) == {OF_THE_WAYPOINT, Flow(remote_name, "shop/catalogue", READS)}
    office.integrate("shop:require-cmr-mesh", "catalogue:provide-cmr-mesh")
    assert expected_flows([shop, office]) == {OF_THE_WAYPOINT, Flow("office/shop", "shop/catalogue", READS)}


def test_consumed_is_unresolved_until_identity_is_published(
    juju: Controller, write_charm: WriteCharm
) -> None:
    shop, office = shop_and_office(juju, write_charm)
    shop.consume(office.offer("shop", "catalogue", "require-cmr-mesh"), "kiosk")
    shop.integrate("catalogue:catalogue", "kiosk:catalogue")
    nobody = Flow("shop/kiosk.of-another-model", "shop/catalogue", READS)
    assert expected_flows([shop, office]) == {OF_THE_WAYPOINT, nobody}
    shop.integrate("catalogue:provide-cmr-mesh", "kiosk:require-cmr-mesh")
    assert expected_flows([shop, office]) == {OF_THE_WAYPOINT, Flow("office/shop", "shop/catalogue", READS)}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with open_world(print) as opened:
        opened.model("shop")
        yield opened


def write_policy(world: World, name: str, **spec: Any) -> None:
    """Write an AuthorizationPolicy into the model."""
    policy = {"metadata": {"name": name, "namespace": "shop"}, "spec": spec}
    world.client.create(AuthorizationPolicy.from_dict(policy))


def test_policies_are_read_as_what_they_allowed(world: World) -> None:
    principals = ["cluster.local/ns/shop/sa/shop", "cluster.local/ns/office/sa/kiosk"]
    write_policy(
        world,
        "service",
        targetRefs=[{"kind": "Service", "group": "", "name": "catalogue"}],
        rules=[
            {
                "from": [{"source": {"principals": principals}}],
                "to": [{"operation": {"paths": ["/a"], "methods": ["GET", "PUT"], "ports": ["80"]}}],
            }
        ],
    )
    write_policy(world, "pods", selector={"matchLabels": {"app": "x", "part": "y"}}, rules=[{}])
    write_policy(world, "deny", action="DENY", rules=[{}])
    assert actual_flows(world.client, ["shop"]) == {
        Flow("shop/shop", "shop/catalogue", "GET or PUT /a on 80"),
        Flow("office/kiosk", "shop/catalogue", "GET or PUT /a on 80"),
        Flow("anybody", "units in shop with app=x,part=y", "anything"),
        Flow("anybody", "deny", "DENY"),
    }


def test_what_is_missing_and_what_is_too_much_is_reported(world: World, write_charm: WriteCharm) -> None:
    model = world.model("shop")
    deploy(model, write_charm, "istio-beacon-k8s", "catalogue", "shop")
    model.integrate("catalogue:service-mesh", "istio-beacon-k8s")
    model.integrate("catalogue:catalogue", "shop:catalogue")
    write_policy(world, "open", selector={"matchLabels": {"app.kubernetes.io/name": "shop"}}, rules=[{}])
    assert world.settle() == [
        f"denied despite a relation: shop/shop → shop/catalogue: {READS}",
        f"denied despite a relation: {OF_THE_WAYPOINT}",
        "allowed without a relation: anybody → units of shop/shop: anything",
        "pod shop/catalogue-0 should be in the mesh behind shop-istio-beacon-k8s-waypoint, "
        "but is outside the mesh",
        "pod shop/istio-beacon-k8s-0 should be in the mesh behind shop-istio-beacon-k8s-waypoint, "
        "but is outside the mesh",
    ]


def test_unit_in_error_is_reported_with_its_traceback(world: World, write_charm: WriteCharm) -> None:
    source = """
        class Charm(Recorder):
            def on_event(self, event):
                raise ValueError("no")
    """
    world.model("shop").deploy(write_charm("web", source))
    (problem,) = world.settle()
    assert problem.startswith("web/0 is in error\n")
    assert problem.endswith("ValueError: no")
