"""The results of the beacon's actions while its policies are off, in audit mode or changed, or cannot be
written.
"""

from typing import Any

import ops
import pytest
import yaml
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod
from ops import testing

from istio_policies import AuthorizationPolicy
from tests.scenario.beacon.beacon_model import MODEL, BeaconModel, policy


@pytest.fixture
def shop(beacon: BeaconModel) -> BeaconModel:
    """`web` may ask `catalogue`, and `ads` may not."""
    waypoint = {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "shop-beacon-waypoint"}
    for app in ("web", "ads", "catalogue"):
        labels = {"app.kubernetes.io/name": app, **waypoint}
        spec = PodSpec(containers=[Container(name="c", image="i")], serviceAccountName=app)
        beacon.client.create(
            Pod(metadata=ObjectMeta(name=f"{app}-0", namespace=MODEL, labels=labels), spec=spec)
        )
    beacon.consumer("catalogue", policy("web", "catalogue"))
    return beacon


def run(beacon: BeaconModel, action: str, **params: Any) -> dict[str, Any]:
    beacon.state = beacon.context.run(beacon.context.on.action(action, params=params), beacon.state)
    return dict(beacon.context.action_results or {})


def test_what_would_be_written_is_shown_while_policies_are_off(shop: BeaconModel):
    shop.configure(model_on_mesh=True)
    enforced = run(shop, "export-policies")["policies"]
    assert "name: shop.beacon.modeloperator" in enforced
    for option in (
        {"policy_mode": "off"},
        {"policy_mode": "enforce", "manage_authorization_policies": False},
    ):
        shop.configure(**option)
        assert shop.policies() == {}
        assert run(shop, "export-policies")["policies"] == enforced
        rows = run(shop, "list-policies", format="json")["policies"]
        switch = list(option)[-1].replace("_", "-")
        for row in rows.values():
            assert row["state"] == "not written"
            assert f"juju config beacon {switch}=" in row["reason"]
        assert run(shop, "explain", source="ads", target="catalogue")["verdict"] == "allowed"


def test_exported_policy_belongs_to_whoever_applies_it(shop: BeaconModel):
    """Neither deleted while policies are off, nor adopted when they are on again."""
    exported = {}
    for mode in ("enforce", "off"):
        shop.configure(policy_mode=mode)
        exported[mode] = run(shop, "export-policies")["policies"]
    assert exported["enforce"] == exported["off"]
    for document in yaml.safe_load_all(exported["off"]):
        shop.client.create(AuthorizationPolicy.from_dict(document))
    applied = shop.policies()
    assert len(applied) == 1
    assert shop.hook() == ops.ActiveStatus("1 consumer, policies are not managed")
    assert shop.policies() == applied
    assert shop.configure(policy_mode="enforce") == ops.BlockedStatus(
        "AuthorizationPolicy shop/shop.…shop.web: already managed by th… (and 1 more: juju run beacon/0 plan)"
    )
    name = "shop/shop.beacon.catalogue.app.from.shop.web"
    logged = [line.message for line in shop.context.juju_log]
    assert f"AuthorizationPolicy {name}: already managed by the-test: remove it" in logged
    assert shop.policies() == applied
    for document in yaml.safe_load_all(exported["off"]):
        shop.client.delete(AuthorizationPolicy, document["metadata"]["name"])
    shop.hooks_until_active()
    assert shop.policies() == applied


def test_audit_mode_lists_what_would_be_denied(shop: BeaconModel):
    shop.configure(policy_mode="audit")
    found = run(shop, "explain", source="ads", target="catalogue", method="GET", path="/items")
    assert (found["verdict"], found["audit"]) == ("allowed", "denied")
    assert "would be denied (audit)" in found["answer"]
    assert run(shop, "list-policies")["summary"] == "1 policy: 1 audit"


def test_what_a_trial_means_is_listed_once_for_all(shop: BeaconModel):
    """Audit mode does not apply to policies on pods; no note repeats that for each policy."""
    unit = policy("scraper", "catalogue", target_type="unit")
    shop.consumer("catalogue", policy("web", "catalogue"), policy("ads", "catalogue"), unit)
    shop.configure(policy_mode="audit")
    found = run(shop, "list-policies")
    assert found["summary"] == "3 policies: 2 audit, 1 ignored"
    assert found["policies"].split("\n\n")[1].splitlines() == [
        "audit: logged, not enforced: juju config beacon policy-mode=enforce",
        "ignored: in audit mode Istio ignores policies on pods, unless its experimental "
        "AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY is on",
    ]


def test_why_nothing_is_written_is_listed_once_for_all(shop: BeaconModel):
    shop.consumer("catalogue", policy("web", "catalogue"), policy("ads", "catalogue"))
    shop.configure(policy_mode="off")
    reasons = run(shop, "list-policies")["policies"].split("\n\n")[1]
    assert reasons == "not written: policies are off: juju config beacon policy-mode=enforce"


def test_policy_without_rules_is_shown_as_changed(
    shop: BeaconModel,
):
    shop.edit_policies({"spec": {"rules": []}})
    row, waypoint, _, reason = run(shop, "list-policies")["policies"].splitlines()[1:]
    assert row.split()[:3] == ["none", "catalogue", "none"]
    assert waypoint.split()[:5] == ["none", "units", "of", "catalogue", "none"]
    assert "differs from what is requested" in reason
    found = run(shop, "explain", source="web", target="catalogue")
    assert found["verdict"] == "denied"
    assert found["closest-match"] == (
        "catalogue requests to allow shop/web: anything; but it is not in Kubernetes"
    )
    assert "differs from what is requested" in found["notes"]


def test_paths_of_others_are_quoted(shop: BeaconModel):
    """Otherwise a path could add lines to a table, or hide the text before it."""
    odd = "/a\n\x1b[2Kads  catalogue  anything  enforced\u202e|\x00"
    rule = {"to": [{"operation": {"paths": [odd]}}]}
    shop.edit_policies({"spec": {"rules": [rule]}})
    for action in ("list-policies", "explain", "mesh-graph"):
        params = {"source": "ads", "target": "catalogue"} if action == "explain" else {}
        for text in run(shop, action, **params).values():
            assert all(line.isprintable() for line in text.split("\n"))
            assert not any(line.startswith("ads ") for line in text.split("\n"))
    assert r"/a\n\u001b[2Kads" in run(shop, "list-policies")["policies"]


def test_without_istio_the_charm_to_deploy_is_named(beacon: BeaconModel):
    beacon.kubernetes.store.uninstall_custom_resources("security.istio.io")
    with pytest.raises(testing.ActionFailed) as failed:
        run(beacon, "list-policies")
    assert failed.value.message == "AuthorizationPolicy CRD not installed: deploy istio-k8s"
