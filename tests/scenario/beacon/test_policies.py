import pytest

from sandbox.kubernetes import KubernetesServer, ObjectChange
from tests.scenario.beacon.beacon_model import BeaconModel, databag, policy
from tests.scenario.conftest import Observe

pytestmark = pytest.mark.kubernetes


def test_union_of_requested_policies_is_written(beacon: BeaconModel):
    beacon.consumer("catalogue", policy("web", "catalogue"), policy("ads", "catalogue"))
    beacon.consumer("orders", policy("web", "orders"))
    assert beacon.allowed() == {
        ("shop/web", "shop/catalogue"),
        ("shop/ads", "shop/catalogue"),
        ("shop/web", "shop/orders"),
    }


def test_policy_has_all_requested_restrictions(beacon: BeaconModel):
    endpoint = {"hosts": ["catalogue"], "ports": [80], "methods": ["GET"], "paths": ["/items/*"]}
    beacon.consumer("catalogue", policy("web", "catalogue", endpoints=[endpoint]))
    (spec,) = beacon.policies().values()
    assert spec == {
        "action": "ALLOW",
        "targetRefs": [{"group": "", "kind": "Service", "name": "catalogue"}],
        "rules": [
            {
                "from": [{"source": {"principals": ["cluster.local/ns/shop/sa/web"]}}],
                "to": [
                    {
                        "operation": {
                            "hosts": ["catalogue"],
                            "ports": ["80"],
                            "methods": ["GET"],
                            "paths": ["/items/*"],
                        }
                    }
                ],
            }
        ],
    }


def test_policies_can_be_found_by_labels_of_every_revision(beacon: BeaconModel):
    beacon.consumer("catalogue", policy("web", "catalogue"))
    found = beacon.kubernetes.store.objects("AuthorizationPolicy")
    assert len(found) == 2
    for each in found:
        assert each["metadata"]["labels"] == {
            "app.kubernetes.io/instance": "beacon-shop",
            "kubernetes-resource-handler-scope": "istio-authorization-policy",
        }


def test_leaving_consumer_takes_its_policies_only(beacon: BeaconModel):
    catalogue = beacon.consumer("catalogue", policy("web", "catalogue"))
    beacon.consumer("orders", policy("web", "orders"))
    beacon.unrelate(catalogue)
    assert beacon.allowed() == {("shop/web", "shop/orders")}


def test_changed_policy_is_one_write(beacon: BeaconModel):
    relation = beacon.consumer("catalogue", *(policy(f"web-{number}", "catalogue") for number in range(10)))
    beacon.kubernetes.requests.clear()
    changed = policy("web-0", "catalogue", endpoints=[{"ports": [80]}])
    rest = [policy(f"web-{number}", "catalogue") for number in range(1, 10)]
    beacon.publish(relation, databag(changed, *rest))
    assert [request.method for request in beacon.writes()] == ["PATCH"]


def test_requested_policy_is_never_missing_meanwhile(beacon: BeaconModel, observe: Observe):
    wanted = policy("web", "catalogue", endpoints=[{"ports": [80]}])
    relation = beacon.consumer("catalogue", wanted, policy("ads", "catalogue"))
    missing: list[ObjectChange] = []

    def watch(change: ObjectChange) -> None:
        objects = beacon.kubernetes.store.objects("AuthorizationPolicy")
        if not any(
            "cluster.local/ns/shop/sa/web" in str(each) and "80" in str(each["spec"]) for each in objects
        ):
            missing.append(change)

    observe(watch)
    beacon.publish(relation, databag(policy("search", "catalogue"), wanted))
    beacon.publish(relation, databag(wanted.model_copy(update={"source_app_name": "web"})))
    assert missing == []
    assert beacon.allowed() == {("shop/web", "shop/catalogue")}


def test_managed_mode_switches_policies(beacon: BeaconModel):
    beacon.consumer("catalogue", policy("web", "catalogue"))
    beacon.relate("metrics-endpoint", "prometheus")
    status = beacon.configure(manage_authorization_policies=False)
    assert beacon.policies() == {}
    assert status.message == "1 consumer, policies are not managed"
    beacon.configure(manage_authorization_policies=True)
    assert ("shop/web", "shop/catalogue") in beacon.allowed()


def test_scraper_may_reach_beacons_own_metrics(beacon: BeaconModel):
    beacon.relate("metrics-endpoint", "prometheus")
    (spec,) = beacon.policies().values()
    assert beacon.allowed() == {("shop/prometheus", "shop/app.kubernetes.io/name=beacon")}
    assert spec["rules"][0]["to"] == [{"operation": {"ports": ["15090"]}}]


def test_cross_model_scraper_is_allowed_by_its_own_name(beacon: BeaconModel):
    name = f"remote-{'f' * 32}"
    scraper = beacon.relate("metrics-endpoint", name)
    identity = '{"app_name": "prometheus", "juju_model_name": "cos"}'
    beacon.relate("provide-cmr-mesh", name, {"cmr_data": identity})
    assert beacon.allowed() == {("cos/prometheus", "shop/app.kubernetes.io/name=beacon")}
    beacon.unrelate(scraper)
    assert beacon.allowed() == set()


def test_application_of_this_model_has_no_other_name(beacon: BeaconModel):
    beacon.relate("metrics-endpoint", "remote-cache")
    identity = '{"app_name": "prometheus", "juju_model_name": "cos"}'
    beacon.relate("provide-cmr-mesh", "remote-cache", {"cmr_data": identity})
    assert beacon.allowed() == {("shop/remote-cache", "shop/app.kubernetes.io/name=beacon")}


def test_active_status_counts_policies_and_consumers(beacon: BeaconModel):
    assert beacon.hook().message == "0 policies for 0 consumers"
    beacon.consumer("catalogue", policy("web", "catalogue"), policy("ads", "catalogue"))
    beacon.consumer("orders", policy("web", "orders"))
    beacon.relate("metrics-endpoint", "prometheus")
    assert beacon.hook().name == "active"
    assert beacon.hook().message == "3 policies for 2 consumers, all enforced"
    assert beacon.state.app_status.message == "3 policies for 2 consumers, all enforced"


def test_equal_policies_of_one_consumer_are_one(beacon: BeaconModel):
    beacon.consumer("catalogue", policy("web", "catalogue"), policy("web", "catalogue"))
    assert len(beacon.policies()) == 1


def test_policy_edited_by_hand_is_corrected(beacon: BeaconModel):
    beacon.consumer("catalogue", policy("web", "catalogue"))
    before = beacon.policies()
    beacon.edit_policies({"spec": {"rules": [{}]}})
    assert beacon.policies() != before
    beacon.hook()
    assert beacon.policies() == before


@pytest.mark.parametrize("model", ["m" * 63, "shop"])
@pytest.mark.parametrize("app", ["a" * 52, "orders"])
def test_names_of_any_length_are_valid_in_kubernetes(kubernetes: KubernetesServer, model: str, app: str):
    beacon = BeaconModel(kubernetes, app="b" * 50, model=model)
    beacon.consumer(
        app, policy("s" * 63, app, target_namespace=model), policy("Not A Name!", app, target_namespace=model)
    )
    assert beacon.hook().message == "2 policies for 1 consumer, all enforced"
    (gateway,) = beacon.gateways()
    assert len(gateway["metadata"]["name"]) <= 63
