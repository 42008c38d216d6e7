"""With the whole model on the mesh, a Service uses the waypoint only if a policy is on it there."""

import pytest
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod, Service
from ops import testing

from istio_policies import AuthorizationPolicy
from tests.scenario.beacon.beacon_model import MODEL, BeaconModel, databag, policy

pytestmark = pytest.mark.kubernetes

MANAGED_BY = "charms.canonical.com/istio.io.waypoint.managed-by"
UNBOUND = {"istio.io/use-waypoint": "none", MANAGED_BY: "shop.beacon"}


def pod(beacon: BeaconModel, app: str) -> None:
    own = ObjectMeta(name=f"{app}-x", namespace=MODEL, labels={"app.kubernetes.io/name": app})
    beacon.client.create(Pod(metadata=own, spec=PodSpec(containers=[Container(name="c", image="i")])))


def labels(beacon: BeaconModel, service: str) -> dict[str, str]:
    return beacon.client.get(Service, service).metadata.labels or {}


def is_from(relation: testing.RelationBase, app: str) -> bool:
    return isinstance(relation, testing.Relation) and relation.remote_app_name == app


@pytest.fixture
def model(beacon: BeaconModel) -> BeaconModel:
    """A consumer with a policy on its Service, one with a policy on its pods, and an application without."""
    for app in ("catalogue", "store", "web"):
        beacon.juju_deploys(app)
        pod(beacon, app)
    beacon.consumer("catalogue", policy("web", "catalogue"))
    beacon.consumer("store", policy("web", "store", target_type="unit"))
    for app in ("catalogue", "store"):
        beacon.drop_labels(app)
    return beacon


def test_only_policies_bind(model: BeaconModel):
    model.configure(model_on_mesh=True)
    assert labels(model, "store") == UNBOUND
    assert labels(model, "catalogue") == labels(model, "web") == {}
    before = len(model.writes())
    model.hook()
    assert len(model.writes()) == before


@pytest.mark.parametrize("spec", [{}, {"selector": {}}])
def test_policy_on_all_pods_unbinds_services_without_one(model: BeaconModel, spec: dict[str, dict[str, str]]):
    closed = {"metadata": {"name": "allow-nothing", "namespace": MODEL}, "spec": spec}
    model.client.create(AuthorizationPolicy.from_dict(closed))
    model.configure(model_on_mesh=True)
    assert labels(model, "store") == labels(model, "web") == UNBOUND
    assert labels(model, "catalogue") == {}


def test_first_policy_on_the_service_binds_it(model: BeaconModel):
    model.configure(model_on_mesh=True)
    relation = next(each for each in model.state.get_relations("service-mesh") if is_from(each, "store"))
    both = (policy("web", "store", target_type="unit"), policy("web", "store"))
    model.publish(relation, databag(*both))
    assert labels(model, "store") == {}


@pytest.mark.parametrize("leave", ["configure", "remove"])
def test_none_is_left(model: BeaconModel, leave: str):
    model.configure(model_on_mesh=True)
    if leave == "remove":
        model.remove()
    else:
        model.configure(model_on_mesh=False)
    assert labels(model, "store") == {}


def test_labels_of_others_stay(model: BeaconModel):
    model.label_service("store", {"istio.io/use-waypoint": "of-somebody-else"})
    model.configure(model_on_mesh=True)
    assert labels(model, "store") == {"istio.io/use-waypoint": "of-somebody-else"}
    model.configure(model_on_mesh=False)
    assert labels(model, "store") == {"istio.io/use-waypoint": "of-somebody-else"}


def test_model_of_another_beacon_is_left_alone(model: BeaconModel):
    model.label_namespace({"istio.io/dataplane-mode": "ambient"})
    assert model.configure(model_on_mesh=True).name == "blocked"
    assert labels(model, "store") == {}
