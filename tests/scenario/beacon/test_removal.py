import pytest

from tests.scenario.beacon.beacon_model import BeaconModel, policy

OWN = ("statefulsets", "services", "pods")

pytestmark = pytest.mark.kubernetes


@pytest.fixture
def busy(beacon: BeaconModel) -> BeaconModel:
    beacon.consumer("catalogue", policy("web", "catalogue"))
    beacon.relate("metrics-endpoint", "prometheus")
    return beacon


@pytest.mark.parametrize("model_on_mesh", [False, True])
def test_removal_leaves_nothing(busy: BeaconModel, model_on_mesh: bool):
    busy.configure(model_on_mesh=model_on_mesh)
    busy.remove()
    assert busy.left_behind() == []


def test_removal_leaves_nothing_of_policies_in_other_models(busy: BeaconModel):
    busy.configure(restrict_consumers=False)
    busy.kubernetes.store.create(busy.kubernetes.store.kind("Namespace"), {"metadata": {"name": "bank"}})
    busy.consumer("orders", policy("web", "teller", target_namespace="bank"))
    busy.remove()
    assert busy.left_behind() == []


@pytest.mark.parametrize("event", ["config_changed", "leader_elected", "update_status", "stop", "remove"])
def test_removal_leaves_own_pods_and_service_alone(busy: BeaconModel, event: str):
    """Juju would not adopt a pod that is replaced for them."""
    own = busy.pod_labels(), busy.service_labels()
    busy.plan(0)
    busy.kubernetes.requests.clear()
    busy.hook(event)
    assert (busy.pod_labels(), busy.service_labels()) == own != ({}, {})
    written = [one.path for one in busy.writes() if one.path.rpartition("/")[0].endswith(OWN)]
    assert written == []


def test_removal_leaves_own_service_alone_in_a_whole_model(busy: BeaconModel):
    busy.configure(model_on_mesh=True)
    busy.hook()
    own = busy.service_labels()
    assert own["istio.io/use-waypoint"] == "none"
    busy.plan(0)
    busy.hook("config_changed")
    assert busy.service_labels() == own
    assert busy.namespace_labels() == {}


def test_stopping_unit_removes_nothing(busy: BeaconModel):
    before = busy.left_behind()
    busy.plan(1)
    busy.lead(False)
    busy.hook("stop")
    busy.hook("remove")
    assert busy.left_behind() == before


def test_removal_writes_nothing_again(busy: BeaconModel):
    busy.plan(0)
    busy.hook("config_changed")
    busy.hook("stop")
    busy.hook("leader_elected")
    busy.hook("remove")
    busy.juju_removes()
    assert busy.left_behind() == []


def test_application_scaled_to_nothing_and_back_is_as_before(busy: BeaconModel):
    before = busy.left_behind()
    busy.scale(0)
    own = ["ConfigMap juju-service-mesh-beacon-labels", *busy.pod_labels(), *busy.service_labels()]
    assert busy.left_behind() == own
    busy.scale(1)
    assert busy.left_behind() == before


def test_removal_succeeds_without_jujus_objects(busy: BeaconModel):
    store = busy.kubernetes.store
    store.delete(store.kind("StatefulSet"), "shop", "beacon")
    store.delete(store.kind("Service"), "shop", "beacon")
    busy.remove()
    for kind in ("Gateway", "AuthorizationPolicy", "ConfigMap", "HorizontalPodAutoscaler"):
        assert store.objects(kind) == []


@pytest.mark.parametrize("missing", ["istio", "trust"])
def test_removal_goes_through_without(busy: BeaconModel, missing: str):
    if missing == "istio":
        busy.kubernetes.store.uninstall_custom_resources()
    else:
        busy.kubernetes.access.deny()
    busy.remove()


def test_removal_succeeds_without_kubernetes(busy: BeaconModel, request: pytest.FixtureRequest):
    request.getfixturevalue("no_api")
    busy.remove()


@pytest.mark.parametrize("model_on_mesh", [False, True])
def test_plan_shows_removal(busy: BeaconModel, model_on_mesh: bool):
    busy.configure(model_on_mesh=model_on_mesh)
    busy.plan(0)
    planned = busy.plan_action()["changes"].splitlines()
    busy.kubernetes.requests.clear()
    busy.hook("config_changed")
    deleted = [one.path.rpartition("/")[2] for one in busy.writes() if one.method == "DELETE"]
    assert sorted(deleted) == sorted(each.rpartition("/")[2] for each in planned if "delete" in each)
    assert len(deleted) > 4
    assert ("change  Namespace shop" in planned) is model_on_mesh
