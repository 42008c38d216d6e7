"""Applications of other models, with and without a known identity."""

import pytest

from sandbox.kubernetes import KubernetesServer
from tests.scenario.beacon.beacon_model import BeaconModel, policy

UNRESOLVED = "remote-0123456789abcdef0123456789abcdef"
CMR_DATA = {"cmr_data": '{"app_name": "prometheus", "juju_model_name": "cos"}'}


def test_scraper_without_identity_is_named_with_remedy(beacon: BeaconModel):
    beacon.relate("metrics-endpoint", UNRESOLVED)
    assert beacon.state.unit_status.name == "blocked"
    assert beacon.state.unit_status.message == (
        "waiting for the identity of remote-01234567…3456789abcdef: integrate it with beacon:provide-cmr-mesh"
    )
    beacon.relate("provide-cmr-mesh", UNRESOLVED, CMR_DATA)
    assert beacon.state.unit_status.name == "active"


def test_relation_may_not_be_visible_before_the_start(kubernetes: KubernetesServer):
    beacon = BeaconModel(kubernetes)
    beacon.hook("install")
    beacon.relate("metrics-endpoint", UNRESOLVED)
    for event in ("install", "leader_elected", "config_changed"):
        assert beacon.hook(event).name == "waiting"
    assert beacon.hook("start").name == "blocked"


def test_consumed_scraper_is_not_local(beacon: BeaconModel):
    beacon.relate("metrics-endpoint", "prometheus", model_uuid="0c8ad3d6-4f1a-4b7e-9d6e-2f0b7c1a5e11")
    assert beacon.state.unit_status.name == "blocked"
    assert not any(source == "shop/prometheus" for source, _ in beacon.allowed())
    beacon.relate("provide-cmr-mesh", "prometheus", CMR_DATA)
    assert ("cos/prometheus", "shop/app.kubernetes.io/name=beacon") in beacon.allowed()


def test_scraper_without_identity_is_waited_for(beacon: BeaconModel):
    beacon.relate("metrics-endpoint", UNRESOLVED)
    beacon.relate("provide-cmr-mesh", UNRESOLVED)
    assert beacon.state.unit_status.name == "waiting"
    assert (
        beacon.state.unit_status.message == f"waiting for the identity of {UNRESOLVED} over provide-cmr-mesh"
    )


def test_a_scraper_of_the_same_model_is_no_problem(beacon: BeaconModel):
    beacon.relate("metrics-endpoint", "prometheus")
    assert beacon.state.unit_status.name == "active"


def test_unknown_cross_model_client_is_named(beacon: BeaconModel):
    beacon.consumer("catalogue", policy(UNRESOLVED, "catalogue"), policy("web", "catalogue"))
    status = beacon.hook()
    assert status.name == "waiting"
    assert status.message == (
        "waiting for the identity of remote-0123…789abcdef: integrate it with catalogue over cross_model_mesh"
    )
    assert ("shop/web", "shop/catalogue") in beacon.allowed()


def test_such_a_client_is_listed_with_the_remedy(beacon: BeaconModel):
    beacon.consumer("catalogue", policy(UNRESOLVED, "catalogue"))
    beacon.state = beacon.context.run(
        beacon.context.on.action("list-policies", params={"format": "json"}), beacon.state
    )
    (row,) = (beacon.context.action_results or {})["policies"].values()
    assert row["reason"] == (
        "waiting for the identity of an application of another model: "
        "integrate it with catalogue over cross_model_mesh"
    )


def test_a_client_that_was_consumed_is_named_as_it_is_here(beacon: BeaconModel):
    beacon.consumer("catalogue", policy("prometheus.of-another-model", "catalogue"))
    assert beacon.hook().message == (
        "waiting for the identity of prometheus: integrate it with catalogue over cross_model_mesh"
    )
    beacon.state = beacon.context.run(beacon.context.on.action("list-policies"), beacon.state)
    table = (beacon.context.action_results or {})["policies"]
    assert "prometheus.of-another-model  catalogue" in table
    assert "waiting for the identity of an application of another model" in table


@pytest.mark.parametrize("name", ["remote-write", "remote-0123", f"{UNRESOLVED}-x"])
def test_similar_name_is_no_unresolved_name(beacon: BeaconModel, name: str):
    beacon.consumer("catalogue", policy(name, "catalogue"))
    assert beacon.hook().name == "active"
