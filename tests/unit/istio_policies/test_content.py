"""The content of a policy's object."""

import pytest

from charmlibs.interfaces.service_mesh import Endpoint, MeshPolicy, Method, PolicyTargetType
from istio_policies import DesiredPolicies, PolicyRequestFrom, authorization_policies
from k8s_charm import manifest
from tests.support.policies import OWNER, policy


def objects(*policies: MeshPolicy, dry_run: bool = False) -> list[dict]:
    return [
        manifest(each)
        for each in authorization_policies(
            DesiredPolicies(map(PolicyRequestFrom, policies), dry_run=dry_run), owner=OWNER
        )
    ]


def spec(*policies: MeshPolicy) -> dict:
    (only,) = objects(*policies)
    return only["spec"]


def operations(*endpoints: Endpoint) -> list[dict] | None:
    (rule,) = spec(policy(endpoints=list(endpoints)))["rules"]
    return [target["operation"] for target in rule["to"]] if "to" in rule else None


def test_an_app_target_is_the_service_of_the_application():
    assert spec(policy())["targetRefs"] == [{"group": "", "kind": "Service", "name": "shop"}]


def test_an_app_target_with_a_service_of_its_own_is_that_service():
    assert spec(policy(target_app_name="shop", target_service="till"))["targetRefs"][0]["name"] == "till"


def test_a_unit_target_is_the_pods_of_the_application():
    unit = spec(policy(target_type=PolicyTargetType.unit))
    assert unit["selector"] == {"matchLabels": {"app.kubernetes.io/name": "shop"}}
    assert "targetRefs" not in unit


def test_unit_target_with_labels_selects_these_pods():
    labelled = policy(target_type=PolicyTargetType.unit, target_selector_labels={"role": "till", "tier": "1"})
    assert spec(labelled)["selector"] == {"matchLabels": {"role": "till", "tier": "1"}}


def test_source_is_the_service_account():
    assert spec(policy())["rules"][0]["from"] == [{"source": {"principals": ["cluster.local/ns/s/sa/cart"]}}]


def test_action_is_allow():
    assert spec(policy())["action"] == "ALLOW"


def test_the_object_is_in_the_namespace_of_the_target():
    assert objects(policy(target_namespace="n"))[0]["metadata"]["namespace"] == "n"


def test_each_endpoint_becomes_an_operation_with_ports_as_text():
    assert operations(
        Endpoint(hosts=["a"], ports=[80], methods=[Method.get], paths=["/x"]), Endpoint(ports=[9090])
    ) == [
        {"ports": ["9090"]},
        {"hosts": ["a"], "methods": ["GET"], "paths": ["/x"], "ports": ["80"]},
    ]


def test_no_endpoint_allows_everything():
    assert operations() is None


@pytest.mark.parametrize("empty", [Endpoint(), Endpoint(hosts=[], ports=[], methods=[], paths=[])])
def test_unrestricted_endpoint_allows_everything(empty: Endpoint):
    assert operations(Endpoint(ports=[80]), empty) is None


def test_ports_are_in_the_order_of_numbers():
    assert operations(Endpoint(ports=[8080, 443, 80])) == [{"ports": ["80", "443", "8080"]}]


def test_order_and_repetition_make_no_difference():
    one = policy(
        endpoints=[Endpoint(paths=["/a", "/b"], methods=[Method.put, Method.get]), Endpoint(ports=[1, 2])]
    )
    same = policy(
        endpoints=[
            Endpoint(ports=[2, 1, 2]),
            Endpoint(paths=["/b", "/a", "/a"], methods=[Method.get, Method.put]),
            Endpoint(ports=[1, 2]),
        ]
    )
    assert spec(one) == spec(same) == spec(one, same)


def test_empty_path_is_a_restriction():
    assert operations(Endpoint(paths=[""])) == [{"paths": [""]}]


def test_policies_that_mean_the_same_become_one_object():
    by_app = policy(target_type=PolicyTargetType.unit)
    by_label = policy(
        target_type=PolicyTargetType.unit, target_selector_labels={"app.kubernetes.io/name": "shop"}
    )
    by_service = policy(target_app_name=None, target_service="shop")
    assert len(objects(by_app, by_label)) == 1
    assert len(objects(policy(), by_service)) == 1


def test_requesters_are_sorted_and_unique():
    requested = [PolicyRequestFrom(policy(), ["till", "shop"]), PolicyRequestFrom(policy(), ["shop"])]
    (only,) = authorization_policies(DesiredPolicies(requested), owner=OWNER)
    assert manifest(only)["metadata"]["annotations"]["charms.canonical.com/mesh.requested-by"] == "shop,till"


def test_dry_run_is_marked_for_waypoints():
    allows_all, recorded = objects(policy(), dry_run=True)
    assert recorded["metadata"]["annotations"]["istio.io/dry-run"] == "true"
    assert "istio.io/dry-run" not in allows_all["metadata"]["annotations"]
    assert allows_all["spec"] == {**recorded["spec"], "rules": [{}]}
    assert "istio.io/dry-run" not in objects(policy())[0]["metadata"]["annotations"]
