"""Callers without a relation are allowed by the operator only, and are shown."""

from typing import Any

import pytest
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

from charmlibs.interfaces.service_mesh import CallerKind, Callers, MeshPolicy, UnitPolicy, build_mesh_policies
from tests.scenario.beacon.beacon_model import MODEL, BeaconModel, policy

pytestmark = pytest.mark.kubernetes


def allowing(app: str, callers: Callers) -> MeshPolicy:
    (built,) = build_mesh_policies({}, app, MODEL, [UnitPolicy(callers=callers, ports=[443])])
    return built


def anyone(app: str) -> MeshPolicy:
    return allowing(app, Callers(kind=CallerKind.anyone))


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


def explained(beacon: BeaconModel, port: int = 443) -> dict[str, Any]:
    """Return the beacon's explanation of a request of `web` to the first unit of `hook`."""
    params = {"source": "web", "target": "hook/0", "port": port}
    beacon.state = beacon.context.run(beacon.context.on.action("explain", params=params), beacon.state)
    assert beacon.context.action_results
    return dict(beacon.context.action_results)


@pytest.mark.parametrize(
    ("callers", "verdict"),
    [
        (Callers(kind=CallerKind.anyone), "allowed"),
        (Callers(kind=CallerKind.mesh), "allowed"),
        (Callers(kind=CallerKind.namespaces, namespaces=["front", MODEL]), "allowed"),
        (Callers(kind=CallerKind.namespaces, namespaces=["front"]), "denied"),
    ],
    ids=["anyone", "mesh", "namespace", "another namespace"],
)
def test_are_explained(beacon: BeaconModel, callers: Callers, verdict: str):
    in_mesh = {"istio.io/dataplane-mode": "ambient"}
    labels = {"app.kubernetes.io/name": "web", "app.kubernetes.io/managed-by": "juju", **in_mesh}
    spec = PodSpec(containers=[Container(name="c", image="i")], serviceAccountName="web")
    beacon.client.create(Pod(metadata=ObjectMeta(name="web-0", namespace=MODEL, labels=labels), spec=spec))
    beacon.consumer("hook", allowing("hook", callers))
    beacon.client.patch(Pod, "hook-0", {"metadata": {"labels": in_mesh}}, namespace=MODEL)
    beacon.configure(allow_unrelated_callers=True)
    found = explained(beacon)
    assert found["verdict"] == verdict
    (name,) = beacon.policies()
    assert (name in found.get("policies", "")) is (verdict == "allowed")
    assert explained(beacon, port=80)["verdict"] == "denied"

    beacon.configure(allow_unrelated_callers=False)
    found = explained(beacon)
    assert found["verdict"] == "denied"
    if verdict == "allowed":
        assert found["suggestion"] == "juju config beacon allow-unrelated-callers=true"
