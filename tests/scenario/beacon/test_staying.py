"""While applications join or leave the mesh, or a model leaves, no allowed request is denied and nothing is
open.
"""

import json
from collections.abc import Mapping

import pytest
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod
from lightkube.types import PatchType
from ops import testing

from charmlibs.interfaces.service_mesh import MeshPolicy
from istio_policies import AuthorizationPolicy
from k8s_charm import Json, manifest
from tests.scenario.beacon.beacon_model import MODEL, BeaconModel, databag, policy
from tests.support.juju_tools import lose_relations

pytestmark = pytest.mark.kubernetes

ASKED = databag(policy("web", "catalogue"))
OWN = {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "shop-beacon-waypoint"}
OPERATOR = "shop/operator.juju.is/name=modeloperator,operator.juju.is/target=model"


def published(beacon: BeaconModel, relation: testing.Relation) -> dict[str, str]:
    return dict(beacon.relation(relation).local_app_data)


def pod(beacon: BeaconModel, app: str, **labels: str) -> None:
    """A running pod, which no StatefulSet makes."""
    own = ObjectMeta(name=f"{app}-x", namespace=MODEL, labels={"app.kubernetes.io/name": app, **labels})
    spec = PodSpec(containers=[Container(name="charm", image="charm")])
    beacon.client.create(Pod(metadata=own, spec=spec))
    beacon.client.patch(Pod.Status, own.name, {"status": {"phase": "Running"}}, patch_type=PatchType.MERGE)


def label(beacon: BeaconModel, app: str, labels: Mapping[str, str | None]) -> None:
    patch = {"metadata": {"labels": dict(labels)}}
    beacon.client.patch(Pod, f"{app}-x", patch, patch_type=PatchType.MERGE)


# Labels of a new consumer


def test_labels_come_with_the_policies(beacon: BeaconModel):
    beacon.kubernetes.access.deny(verbs=["patch"], resources=["authorizationpolicies"])
    beacon.juju_deploys("catalogue")
    relation = beacon.relate("service-mesh", "catalogue", ASKED)
    assert published(beacon, relation) == {}
    beacon.kubernetes.access.restore()
    beacon.hook()
    assert beacon.allowed() == {("shop/web", "shop/catalogue")}
    assert published(beacon, relation).keys() >= {"labels", "mesh_type", "services"}


def test_others_join_meanwhile(beacon: BeaconModel):
    """A policy that cannot be written delays its own consumer only."""
    own = {"name": "shop.beacon.catalogue.app.from.shop.web", "namespace": MODEL}
    beacon.client.create(AuthorizationPolicy.from_dict({"metadata": own, "spec": {}}))
    for app in ("catalogue", "orders"):
        beacon.juju_deploys(app)
    held = beacon.relate("service-mesh", "catalogue", ASKED)
    other = beacon.relate("service-mesh", "orders", databag(policy("web", "orders")))
    assert published(beacon, held) == {}
    assert "labels" in published(beacon, other)


def test_new_relation_waits_for_its_first_data(beacon: BeaconModel):
    beacon.juju_deploys("catalogue")
    relation = beacon.created("catalogue")
    assert published(beacon, relation) == {}
    beacon.joined(relation)
    beacon.hook()
    assert "labels" in published(beacon, relation)


@pytest.mark.parametrize("data", [{"policies": "[]"}, {"policies": "nonsense"}])
def test_consumer_without_valid_policies_joins(beacon: BeaconModel, data: dict[str, str]):
    relation = beacon.relate("service-mesh", "catalogue", data)
    assert "labels" in published(beacon, relation)


def test_labels_are_not_held_without_managed_policies(beacon: BeaconModel):
    beacon.configure(manage_authorization_policies=False)
    assert "labels" in published(beacon, beacon.created("catalogue"))


def test_labels_once_published_stay(beacon: BeaconModel):
    relation = beacon.consumer("catalogue", policy("web", "catalogue"))
    before = published(beacon, relation)
    beacon.kubernetes.access.deny()
    beacon.publish(relation, databag(policy("web", "catalogue"), policy("ads", "catalogue")))
    beacon.kubernetes.access.restore()
    assert published(beacon, relation) == before


# A model that leaves


@pytest.mark.parametrize("cluster", [{}, {"app.kubernetes.io/part-of": "catalogue"}])
def test_namespace_stays_until_pods_have_labels(beacon: BeaconModel, cluster: dict[str, str]):
    relation = beacon.consumer("catalogue", policy("web", "catalogue"))
    app = "worker" if cluster else "catalogue"
    pod(beacon, app, **cluster)
    beacon.configure(model_on_mesh=True)
    status = beacon.configure(model_on_mesh=False)
    assert status.name == "waiting"
    assert status.message == f"namespace stays in the mesh: pods of {app} have no labels of their own yet"
    assert json.loads(published(beacon, relation)["labels"]).items() >= OWN.items()
    assert beacon.namespace_labels().items() >= OWN.items()
    assert ("anybody", OPERATOR) in beacon.allowed()
    label(beacon, app, OWN)
    assert beacon.hook().name == "active"
    assert beacon.namespace_labels() == {}
    assert ("anybody", OPERATOR) not in beacon.allowed()


def test_pods_of_others_keep_no_namespace(beacon: BeaconModel):
    pod(beacon, "unrelated")
    beacon.configure(model_on_mesh=True)
    assert beacon.configure(model_on_mesh=False).name == "active"
    assert beacon.namespace_labels() == {}


def test_namespace_outside_the_mesh_is_left_alone(beacon: BeaconModel):
    beacon.consumer("catalogue")
    pod(beacon, "catalogue")
    assert beacon.hook().name == "active"


def test_operator_is_reachable_while_the_namespace_stays(beacon: BeaconModel):
    beacon.configure(model_on_mesh=True)
    beacon.kubernetes.access.deny(verbs=["patch"], resources=["namespaces"])
    beacon.configure(model_on_mesh=False)
    beacon.kubernetes.access.restore()
    assert ("anybody", OPERATOR) in beacon.allowed()


def test_removed_beacon_does_not_wait(beacon: BeaconModel):
    beacon.consumer("catalogue")
    pod(beacon, "catalogue")
    beacon.configure(model_on_mesh=True)
    beacon.remove()
    assert beacon.namespace_labels() == {}


# A consumer that leaves


def test_policies_on_pods_stay_while_these_are_in_the_mesh(beacon: BeaconModel):
    relation = beacon.consumer("catalogue", policy("web", "catalogue", target_type="unit"))
    beacon.drop_labels("catalogue")
    pod(beacon, "catalogue", **OWN)
    status = beacon.leave(relation)
    assert status.message == (
        "catalogue is no longer related; keeping its policies while its pods are in the mesh"
    )
    label(beacon, "catalogue", dict.fromkeys(OWN))
    beacon.hook()
    assert beacon.policies() == {}


# A relation whose application Juju does not name


def test_policies_stay_while_juju_does_not_name_a_consumer(
    beacon: BeaconModel, monkeypatch: pytest.MonkeyPatch
):
    catalogue = beacon.consumer("catalogue", policy("web", "catalogue"))
    orders = beacon.consumer("orders", policy("web", "orders"))
    before = beacon.policies()
    with monkeypatch.context() as patch:
        lose_relations(patch, catalogue.id, knows_app=False)
        status = beacon.hook()
        assert beacon.policies() == before
        # Another consumer changes what it requests meanwhile.
        beacon.publish(orders, databag(policy("ads", "orders")))
        assert beacon.allowed() == {("shop/web", "shop/catalogue"), ("shop/ads", "shop/orders")}
    assert status.name == "waiting"
    assert status.message == (
        f"Juju names no application of service-mesh:{catalogue.id}; keeping policies of catalogue"
    )
    assert beacon.hook().name == "active"
    beacon.unrelate(catalogue)
    assert beacon.allowed() == {("shop/ads", "shop/orders")}


@pytest.mark.parametrize(
    ("options", "policies"),
    [
        ({"close_unprotected": True}, []),
        ({"close_unprotected": True}, [policy("web", "catalogue", target_type="unit")]),
        ({"policy_mode": "audit"}, [policy("web", "catalogue")]),
    ],
)
def test_other_policies_stay_without_a_name(
    beacon: BeaconModel,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, bool | str],
    policies: list[MeshPolicy],
):
    relation = beacon.consumer("catalogue", *policies)
    beacon.configure(**options)
    before = specs(beacon)
    lose_relations(monkeypatch, relation.id, knows_app=False)
    beacon.hook()
    assert specs(beacon) == before


def specs(beacon: BeaconModel) -> dict[str, Json]:
    """The specifications of all AuthorizationPolicies, also those that nobody requests."""
    return {
        each["metadata"]["name"]: each["spec"]
        for each in map(manifest, beacon.client.list(AuthorizationPolicy))
    }
