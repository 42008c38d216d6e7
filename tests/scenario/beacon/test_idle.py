"""Read once, write the difference."""

import logging

import pytest

from tests.scenario.beacon.beacon_model import BeaconModel, policy

pytestmark = pytest.mark.kubernetes


@pytest.mark.parametrize(("number", "model_on_mesh"), [(1000, False), (10, True)])
def test_a_hook_with_any_number_of_unchanged_policies_asks_little_and_writes_nothing(
    beacon: BeaconModel, number: int, model_on_mesh: bool
):
    beacon.configure(model_on_mesh=model_on_mesh)
    for app in (f"app-{consumer}" for consumer in range(10)):
        asked = [policy(f"web-{source}", app) for source in range(number // 10)]
        beacon.consumer_that_was_there_before(app, *asked)
    beacon.hooks_until_active()
    assert beacon.state.unit_status.message.startswith(f"{number} policies for 10 consumers")
    beacon.kubernetes.requests.clear()
    beacon.hook()
    assert len(beacon.kubernetes.requests) <= 16
    assert beacon.writes() == []


def test_an_idle_hook_says_nothing_in_the_log(beacon: BeaconModel, caplog: pytest.LogCaptureFixture):
    beacon.consumer("catalogue", policy("web", "catalogue"))
    beacon.hook()
    caplog.clear()
    beacon.hook()
    own = [record for record in caplog.records if not record.name.startswith(("ops", "opentelemetry"))]
    assert [record.getMessage() for record in own if record.levelno > logging.DEBUG] == []


def test_requests_to_kubernetes_do_not_flood_the_log(beacon: BeaconModel):
    beacon.context.juju_log.clear()
    beacon.hook()
    assert not any("HTTP" in line.message or "request" in line.message for line in beacon.context.juju_log)
