"""The log at INFO reads as a history of what changed in the mesh."""

from tests.scenario.beacon.beacon_model import BeaconModel, databag, policy


def history(beacon: BeaconModel) -> list[str]:
    lines = [line.message for line in beacon.context.juju_log if line.level == "INFO"]
    beacon.context.juju_log.clear()
    return lines


def test_it_tells_who_was_let_in_where(beacon: BeaconModel):
    history(beacon)
    beacon.consumer("catalogue", policy("web", "catalogue"), policy("ads", "catalogue", target_type="unit"))
    assert history(beacon) == [
        "Service shop/catalogue lets in shop/web",
        "each pod shop/app.kubernetes.io/name=catalogue lets in shop/ads",
    ]


def test_it_tells_who_was_shut_out(beacon: BeaconModel):
    relation = beacon.consumer("catalogue", policy("web", "catalogue"), policy("ads", "catalogue"))
    history(beacon)
    beacon.says(relation, databag(policy("web", "catalogue")))
    assert history(beacon) == ["Service shop/catalogue no longer lets in shop/ads"]


def test_it_tells_that_somebody_may_do_something_else(beacon: BeaconModel):
    relation = beacon.consumer("catalogue", policy("web", "catalogue"))
    history(beacon)
    beacon.says(relation, databag(policy("web", "catalogue", endpoints=[{"ports": [80]}])))
    assert history(beacon) == ["Service shop/catalogue lets in, for other requests than before, shop/web"]


def test_it_tells_of_the_waypoint_and_of_the_namespace(beacon: BeaconModel):
    history(beacon)
    beacon.scale(2)
    beacon.configure(model_on_mesh=True)
    beacon.configure(model_on_mesh=False)
    operator = "each pod shop/juju-modeloperator=modeloperator"
    assert history(beacon) == [
        "waypoint shop-beacon-waypoint is to have 2 replicas",
        f"{operator} lets in everybody",
        "namespace shop joins the mesh",
        f"{operator} no longer lets in everybody",
        "namespace shop leaves the mesh",
    ]


def test_many_changes_are_a_few_lines(beacon: BeaconModel):
    beacon.configure(restrict_consumers=False)
    history(beacon)
    beacon.consumer("apps", *(policy("web", f"app-{number}") for number in range(40)))
    beacon.consumer("app", *(policy(f"web-{number}", "app") for number in range(40)))
    lines = history(beacon)
    assert len(lines) == 20 + 1 + 1
    assert lines[-1].endswith(" and 30 more")
