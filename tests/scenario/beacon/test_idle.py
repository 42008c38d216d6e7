"""The requests of an idle hook, and of one with a single change."""

import logging
import re

import pytest
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

from tests.scenario.beacon.beacon_model import BeaconModel, databag, policy
from tests.support.juju_tools import count_tools

pytestmark = pytest.mark.kubernetes


@pytest.mark.parametrize(("number", "model_on_mesh"), [(1000, False), (10, True)])
def test_idle_hook_reads_little_and_writes_nothing(beacon: BeaconModel, number: int, model_on_mesh: bool):
    beacon.configure(model_on_mesh=model_on_mesh)
    for app in (f"app-{consumer}" for consumer in range(10)):
        requested = [policy(f"web-{source}", app) for source in range(number // 10)]
        beacon.consumer_that_was_there_before(app, *requested)
    beacon.hooks_until_active()
    assert beacon.state.unit_status.message.startswith(f"{number} policies for 10 consumers")
    beacon.kubernetes.requests.clear()
    beacon.hook("config_changed")
    assert len(beacon.kubernetes.requests) <= 7
    assert beacon.writes() == []


WAYPOINT = ["namespaces/shop/gateways", "namespaces/shop/horizontalpodautoscalers"]
POLICIES = ["authorizationpolicies"]
NAMESPACE = ["namespaces/shop"]
OWN_LABELS = [
    "namespaces/shop/configmaps/juju-service-mesh-beacon-labels",
    "namespaces/shop/statefulsets/beacon",
]
OWN_SERVICE = ["namespaces/shop/services/beacon"]
AROUND = [
    "namespaces/shop/authorizationpolicies",
    "namespaces/shop/pods",
    "namespaces/shop/services",
    "services",
]
WHERE_SOMETHING_IS_OPEN = [
    "namespaces/istio-system/authorizationpolicies",
    "namespaces/istio-system/deployments",
]


def reads(beacon: BeaconModel) -> list[str]:
    return sorted(re.sub(r"^/apis?/(.*/)?v[0-9]/", "", each.path) for each in beacon.kubernetes.requests)


def test_reads_of_a_hook(beacon: BeaconModel):
    relation = beacon.consumer("catalogue", policy("web", "catalogue"))
    beacon.hook()
    idle = [*WAYPOINT, *POLICIES, *NAMESPACE, *OWN_LABELS]
    for hook in ("config_changed", "start", "upgrade_charm"):
        beacon.kubernetes.requests.clear()
        beacon.hook(hook)
        assert reads(beacon) == sorted([*idle, *OWN_SERVICE]), hook
    beacon.kubernetes.requests.clear()
    beacon.hook("update_status")
    assert reads(beacon) == sorted([*idle, *AROUND])
    beacon.kubernetes.requests.clear()
    beacon.publish(relation, databag(policy("ads", "catalogue"), policy("web", "catalogue")))
    assert set(reads(beacon)) > set(AROUND)


@pytest.mark.parametrize("model_on_mesh", [False, True])
def test_nothing_is_read_twice(beacon: BeaconModel, model_on_mesh: bool):
    beacon.configure(model_on_mesh=model_on_mesh)
    beacon.create_service("other", selects="catalogue")
    beacon.consumer("catalogue", policy("web", "catalogue", target_service="other"))
    own = ObjectMeta(name="open-0", namespace="shop", labels={"istio.io/dataplane-mode": "ambient"})
    beacon.client.create(Pod(metadata=own, spec=PodSpec(containers=[Container(name="c", image="i")])))
    beacon.hook()
    beacon.kubernetes.requests.clear()
    beacon.hook()
    idle = [*WAYPOINT, *POLICIES, *NAMESPACE, *OWN_LABELS]
    if model_on_mesh:
        idle.remove("namespaces/shop/statefulsets/beacon")
    assert reads(beacon) == sorted([*idle, *AROUND, *WHERE_SOMETHING_IS_OPEN])


def test_idle_hook_reads_no_more_services_than_were_listed(beacon: BeaconModel):
    beacon.create_service("other", selects="catalogue")
    beacon.consumer("catalogue", policy("web", "catalogue", target_service="other"))
    beacon.kubernetes.requests.clear()
    beacon.hook()
    assert reads(beacon).count("namespaces/shop/services") == 1


def test_a_new_leader_reads_mesh(beacon: BeaconModel):
    beacon.kubernetes.requests.clear()
    beacon.hook("leader_elected")
    assert set(reads(beacon)) > set(AROUND)


def test_juju_is_asked_once(beacon: BeaconModel, monkeypatch: pytest.MonkeyPatch):
    for app in ("catalogue", "orders"):
        beacon.consumer(app, policy("web", app))
    beacon.relate("metrics-endpoint", "prometheus")
    beacon.relate("provide-cmr-mesh", "remote-0123456789abcdef0123456789abcdef")
    for hook in ("update_status", "config_changed"):
        beacon.hook(hook)
        with monkeypatch.context() as patch:
            calls = count_tools(patch)
            beacon.hook(hook)
        assert {call: times for call, times in calls.items() if times > 1} == {}, hook


def test_idle_hook_logs_nothing(beacon: BeaconModel, caplog: pytest.LogCaptureFixture):
    beacon.consumer("catalogue", policy("web", "catalogue"))
    beacon.hook()
    caplog.clear()
    beacon.hook()
    own = [record for record in caplog.records if not record.name.startswith(("ops", "opentelemetry"))]
    assert [record.getMessage() for record in own if record.levelno > logging.DEBUG] == []


def test_requests_to_kubernetes_do_not_flood_log(beacon: BeaconModel):
    beacon.context.juju_log.clear()
    beacon.hook()
    assert not any("HTTP" in line.message or "request" in line.message for line in beacon.context.juju_log)
