"""Alert rules of the waypoint and the beacon, as the beacon sends them."""

import json
from typing import Any

import pytest

from sandbox.kubernetes import KubernetesServer
from tests.scenario.beacon.beacon_model import BEACON, MODEL, BeaconModel, policy
from tests.support import promtool
from tests.support.charms import CHARMS

OF_BEACON = f'juju_model="{MODEL}", juju_application="{BEACON}", juju_unit="{BEACON}/0"'
UP = 'up{MINE, instance="beacon-0:15090"}'
LIVE = "envoy_server_live{MINE}"
FINE = {UP: "1+0x30", LIVE: "1+0x30"}

pytestmark = promtool.needed


@pytest.fixture(autouse=True)
def in_the_charms_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Juju runs charms there; alert rules are files in it."""
    monkeypatch.chdir(CHARMS / "istio-beacon-k8s")


def rules(beacon: BeaconModel) -> dict[str, Any]:
    """The rules that a scraper gets now."""
    relations = beacon.state.get_relations("metrics-endpoint")
    relation = relations[0] if relations else beacon.relate("metrics-endpoint", "prometheus")
    return json.loads(beacon.relation(relation).local_app_data["alert_rules"])


def alert_differences(beacon: BeaconModel, series: dict[str, str], *, minutes: int = 20, **fires: int) -> str:
    """Compare the firing alerts with `fires`; MINE in a series stands for the beacon's labels."""
    mine = f'{OF_BEACON}, juju_model_uuid="{beacon.state.model.uuid}"'
    named = {name.replace("MINE", mine): values for name, values in series.items()}
    return promtool.alert_differences(rules(beacon), named, minutes=minutes, fires=fires)


def test_prometheus_takes_them(beacon: BeaconModel):
    assert promtool.complaint(rules(beacon)) == ""


def test_nothing_fires_while_all_is_well(beacon: BeaconModel):
    assert alert_differences(beacon, FINE) == ""


def test_waypoint_without_live_pod_alerts(beacon: BeaconModel):
    assert alert_differences(beacon, {UP: "1+0x30"}, WaypointDown=1) == ""
    assert alert_differences(beacon, {UP: "1+0x30", LIVE: "0+0x30"}, WaypointDown=1) == ""
    assert (
        alert_differences(
            beacon, {UP: "1+0x30", LIVE: "1+0x30", LIVE.replace("MINE", 'MINE, pod="b"'): "0x30"}
        )
        == ""
    )


def test_a_waypoint_that_is_away_for_a_moment_is_not(beacon: BeaconModel):
    assert alert_differences(beacon, {UP: "1+0x30", LIVE: "1x15 0 0 0 1x10"}) == ""


def test_unscraped_beacon_raises_no_waypoint_alert(beacon: BeaconModel):
    assert alert_differences(beacon, {UP: "0+0x30"}, WaypointUnseen=1) == ""
    assert alert_differences(beacon, {}, WaypointUnseen=1) == ""


def test_another_models_waypoint_does_not_stand_for_this_one(beacon: BeaconModel):
    elsewhere = 'juju_model="other", juju_application="beacon"'
    series = {UP: "1+0x30", f"envoy_server_live{{{elsewhere}}}": "1+0x30"}
    assert alert_differences(beacon, series, WaypointDown=1) == ""


def requests(code: str, unit: int = 0, service: str = "catalogue.shop.svc.cluster.local") -> str:
    """Build the series of requests for a service with such an answer, as a unit of the beacon exposes it."""
    labels = f'reporter="waypoint", response_code="{code}", destination_service="{service}"'
    return f'istio_requests_total{{MINE, instance="beacon-{unit}:15090", {labels}}}'


def test_failed_requests_alert_by_service(beacon: BeaconModel):
    failing = {**FINE, requests("200"): "0+90x30", requests("503"): "0+10x30"}
    assert (
        alert_differences(
            beacon, {**failing, requests("200", service="orders"): "0+9x30"}, WaypointRequestsFail=1
        )
        == ""
    )


def test_few_failures_and_denials_raise_no_alert(beacon: BeaconModel):
    fine = {**FINE, requests("200"): "0+99x30", requests("503"): "0+1x30", requests("403"): "0+90x30"}
    assert alert_differences(beacon, fine) == ""


def test_what_two_units_show_of_one_waypoint_is_counted_once(beacon: BeaconModel):
    """Both gather from all of the waypoint's pods."""
    fine = {requests("200", unit): "0+96x30" for unit in (0, 1)}
    assert alert_differences(beacon, {**FINE, **fine, requests("503"): "0+4x30"}) == ""


def test_waypoint_without_new_certificate_alerts(beacon: BeaconModel):
    certificate = 'istio_agent_cert_expiry_seconds{MINE, resource_name="default"}'
    assert alert_differences(beacon, {**FINE, certificate: "43200-60x30"}) == ""
    assert (
        alert_differences(beacon, {**FINE, certificate: "3000-60x30"}, WaypointCertificateNearItsEnd=1) == ""
    )


def test_rejected_policies_alert_until_withdrawn(beacon: BeaconModel):
    rules(beacon)
    relation = beacon.consumer(
        "shop", policy("web", "catalogue"), policy("web", "orders"), policy("web", "shop")
    )
    beacon.hook()
    assert alert_differences(beacon, FINE, BeaconPoliciesRefused=1) == ""
    beacon.unrelate(relation)
    assert alert_differences(beacon, FINE) == ""


def test_alert_has_beacon_and_count_of_rejected_policies(beacon: BeaconModel):
    rules(beacon)
    beacon.consumer("shop", policy("web", "catalogue"), policy("web", "orders"))
    problem = promtool.syntax_errors(
        rules(beacon),
        {},
        minutes=6,
        alert="BeaconPoliciesRefused",
        labels={
            "severity": "warning",
            "juju_model": MODEL,
            "juju_model_uuid": beacon.state.model.uuid,
            "juju_application": BEACON,
            "juju_charm": "istio-beacon-k8s",
        },
        annotations={
            "summary": "beacon rejects 2 requested policies.",
            "description": "Applications of model shop request policies of beacon that they may not set, or "
            "that are invalid. The traffic of these policies is denied. The status of beacon in juju status "
            "names the application and the reason.",
        },
    )
    assert problem == ""


def test_long_failing_reconcile_alerts(beacon: BeaconModel):
    rules(beacon)
    beacon.kubernetes.access.deny(verbs=["patch", "create"], resources=["authorizationpolicies"])
    beacon.consumer("catalogue", policy("web", "catalogue"))
    beacon.hook()
    assert alert_differences(beacon, FINE, minutes=10) == ""
    assert alert_differences(beacon, FINE, BeaconReconcileFailing=1) == ""
    beacon.kubernetes.access.restore()
    beacon.hooks_until_active()
    assert alert_differences(beacon, FINE) == ""


def test_unknown_cross_model_client_raises_no_alert(beacon: BeaconModel):
    rules(beacon)
    unresolved = "remote-0123456789abcdef0123456789abcdef"
    beacon.consumer("catalogue", policy(unresolved, "catalogue"))
    assert "waiting for the identity of" in beacon.hook().message
    assert alert_differences(beacon, FINE, minutes=10) == ""
    assert alert_differences(beacon, FINE, BeaconPoliciesPending=1) == ""


@pytest.mark.parametrize("sent", [None, {"cmr_data": ""}, {"cmr_data": "{"}])
def test_unknown_cross_model_scraper_raises_no_alert(beacon: BeaconModel, sent: dict[str, str] | None):
    rules(beacon)
    unresolved = "remote-0123456789abcdef0123456789abcdef"
    beacon.relate("metrics-endpoint", unresolved)
    if sent is not None:
        beacon.relate("provide-cmr-mesh", unresolved, sent)
    assert beacon.hook().name in ("waiting", "blocked")
    assert alert_differences(beacon, FINE, BeaconPoliciesPending=1) == ""


def test_leaving_consumer_raises_no_alert(beacon: BeaconModel):
    rules(beacon)
    relation = beacon.consumer("catalogue", policy("web", "catalogue"))
    assert "keeping its policies" in beacon.leave(relation).message
    assert alert_differences(beacon, FINE, BeaconPoliciesPending=1) == ""


def test_missing_service_raises_no_alert(beacon: BeaconModel):
    rules(beacon)
    beacon.configure(restrict_consumers=False)
    beacon.consumer("catalogue", policy("web", "catalogue", target_service="nothing"))
    assert "was not found" in beacon.hook().message
    assert alert_differences(beacon, FINE, minutes=10) == ""
    assert alert_differences(beacon, FINE, BeaconPoliciesNotEnforced=1) == ""


def test_unready_waypoint_with_a_live_pod_raises_no_alert(beacon: BeaconModel):
    rules(beacon)
    beacon.set_gateway_status({"status": {"conditions": []}})
    assert "is not ready" in beacon.hook().message
    assert alert_differences(beacon, FINE, minutes=10) == ""
    assert alert_differences(beacon, FINE, WaypointNotReady=1) == ""
    assert alert_differences(beacon, {UP: "1+0x30"}, WaypointNotReady=1, WaypointDown=1) == ""


def test_starting_metrics_proxy_raises_no_alert(beacon: BeaconModel):
    rules(beacon)
    beacon.set_container(can_connect=False)
    assert "container metrics-proxy is not ready" in beacon.hook().message
    assert alert_differences(beacon, FINE) == ""
    assert alert_differences(beacon, {UP: "0+0x30"}, WaypointUnseen=1) == ""


def test_failed_waypoint_write_alerts_as_failed_reconcile(beacon: BeaconModel):
    beacon.kubernetes.access.deny(verbs=["patch", "create", "list"], resources=["gateways"])
    rules(beacon)
    beacon.hook()
    assert alert_differences(beacon, FINE, BeaconReconcileFailing=1) == ""


def test_an_invalid_option_is_a_failed_reconcile(beacon: BeaconModel):
    rules(beacon)
    beacon.configure(policy_mode="of")
    assert alert_differences(beacon, FINE, BeaconReconcileFailing=1) == ""


def test_only_the_leader_publishes_alert_rules(kubernetes: KubernetesServer):
    beacon = BeaconModel(kubernetes, leader=False)
    assert "alert_rules" not in beacon.relate("metrics-endpoint", "prometheus").local_app_data


def test_idle_hook_keeps_alert_rules(beacon: BeaconModel):
    before = rules(beacon)
    beacon.hook()
    assert rules(beacon) == before
