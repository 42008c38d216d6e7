"""Callers that no relation stands for are allowed by the operator only, and shown."""

from typing import Any

import pytest

from charmlibs.interfaces.service_mesh import CallerKind, Callers, MeshPolicy, UnitPolicy, build_mesh_policies
from tests.scenario.beacon.beacon_model import MODEL, BeaconModel, policy

pytestmark = pytest.mark.kubernetes


def anyone(app: str) -> MeshPolicy:
    callers = Callers(kind=CallerKind.anyone)
    (built,) = build_mesh_policies({}, app, MODEL, [UnitPolicy(callers=callers, ports=[443])])
    return built


def rows(beacon: BeaconModel) -> list[dict[str, Any]]:
    params = {"format": "json", "source": "anybody"}
    beacon.state = beacon.context.run(beacon.context.on.action("list-policies", params=params), beacon.state)
    assert beacon.context.action_results
    return list(beacon.context.action_results["policies"].values())


@pytest.mark.parametrize("restrict", [True, False])
def test_are_refused_by_default(beacon: BeaconModel, restrict: bool):
    beacon.configure(restrict_consumers=restrict)
    beacon.consumer("hook", anyone("hook"), policy("web", "hook"))
    status = beacon.hook()
    assert (status.name, status.message) == (
        "blocked",
        "hook may not allow callers without a relation: any…: "
        "juju config beacon allow-unrelated-callers=true",
    )
    assert list(beacon.policies()) == ["shop/shop.beacon.hook.app.from.shop.web"]
    (row,) = rows(beacon)
    assert row["state"] == "rejected"
    assert row["reason"].endswith("juju config beacon allow-unrelated-callers=true")


def test_are_allowed_by_an_option_and_shown(beacon: BeaconModel):
    beacon.consumer("hook", anyone("hook"))
    status = beacon.configure(allow_unrelated_callers=True)
    assert status.name == "active"
    assert "reached without a relation: hook from anybody" in status.message
    (spec,) = beacon.policies().values()
    assert spec["rules"] == [{"to": [{"operation": {"ports": ["443"]}}]}]
    (row,) = rows(beacon)
    assert row["consumer"] == "hook"
    beacon.configure(allow_unrelated_callers=False)
    assert beacon.policies() == {}


def test_do_not_open_another_application(beacon: BeaconModel):
    beacon.configure(allow_unrelated_callers=True)
    beacon.consumer("hook", anyone("catalogue"))
    assert "may not set policy on 'catalogue'" in beacon.hook().message
    assert beacon.policies() == {}
