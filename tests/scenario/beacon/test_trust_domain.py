"""The trust domain of a mesh, with which every identity begins."""

import json

import ops
import pytest
from lightkube.models.core_v1 import ServicePort, ServiceSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Namespace, Service

from tests.scenario.beacon.beacon_model import BeaconModel, policy

pytestmark = pytest.mark.kubernetes


def sources(beacon: BeaconModel) -> set[str]:
    (spec,) = beacon.policies().values()
    return set(spec["rules"][0]["from"][0]["source"]["principals"])


def istio_says(beacon: BeaconModel, mesh: str, revision: str = "") -> None:
    beacon.client.create(Namespace(metadata=ObjectMeta(name="istio-system")))
    istiod = ObjectMeta(name=f"istiod{revision}", namespace="istio-system", labels={"app": "istiod"})
    beacon.client.create(Service(metadata=istiod, spec=ServiceSpec(ports=[ServicePort(port=15012)])))
    own = ObjectMeta(name=f"istio{revision}", namespace="istio-system")
    beacon.client.create(ConfigMap(metadata=own, data={"mesh": mesh}))


def test_policies_and_coordinators_follow_option(beacon: BeaconModel):
    relation = beacon.consumer("catalogue", policy("web", "catalogue"))
    assert sources(beacon) == {"cluster.local/ns/shop/sa/web"}
    assert "trust_domain" not in beacon.relation(relation).local_app_data
    name = next(iter(beacon.policies()))
    beacon.configure(trust_domain="mesh.example")
    assert sources(beacon) == {"mesh.example/ns/shop/sa/web"}
    assert list(beacon.policies()) == [name]
    assert json.loads(beacon.relation(relation).local_app_data["trust_domain"]) == "mesh.example"
    beacon.configure(trust_domain="cluster.local")
    assert sources(beacon) == {"cluster.local/ns/shop/sa/web"}
    assert not beacon.relation(relation).local_app_data.get("trust_domain")


@pytest.mark.parametrize("revision", ["", "-1-29"])
def test_another_one_in_mesh_is_named_with_command(beacon: BeaconModel, revision: str):
    istio_says(beacon, "trustDomain: mesh.example\n", revision)
    beacon.consumer("catalogue", policy("web", "catalogue"))
    assert beacon.hook() == ops.BlockedStatus(
        "the mesh has another trust domain: juju config beacon trust-domain=mesh.example"
    )
    beacon.configure(trust_domain="mesh.example")
    assert beacon.hook().name == "active"


@pytest.mark.parametrize(
    "mesh",
    [
        "rootNamespace: istio-system",
        "trustDomain: '*; reboot'",
        ": no yaml",
        "",
        "trustDomain: 2001-99-99",
        "[" * 5000,
        "rootNamespace: [a]",
        "rootNamespace: Not/one",
    ],
)
def test_unknown_trust_domain_is_no_problem(beacon: BeaconModel, mesh: str):
    istio_says(beacon, mesh)
    relation = beacon.consumer("catalogue", policy("web", "catalogue"))
    assert beacon.hook().name == "active"
    assert not beacon.relation(relation).local_app_data.get("root_namespaces")


def test_pattern_is_no_trust_domain(beacon: BeaconModel):
    beacon.consumer("catalogue", policy("web", "catalogue"))
    assert "trust-domain" in beacon.configure(trust_domain="*").message
    assert sources(beacon) == {"cluster.local/ns/shop/sa/web"}
