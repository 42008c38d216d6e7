"""Server-side apply: several managers of one object, each with its own fields."""

import pytest
from lightkube import ApiError, Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap

from tests.support.kubernetes_api import (
    APPLY,
    MERGE,
    STRATEGIC,
    Namespace,
    an,
    causes,
    gateway,
    owned,
    policy,
    service,
    stateful_set,
)


def config(**data: str) -> dict:
    return an("ConfigMap", "a", data=data)


def test_applying_creates_and_then_updates(namespace: Namespace):
    assert namespace.apply(config(x="1")).code == 201
    answer = namespace.apply(config(x="2"))
    assert (answer.code, answer.json["data"]) == (200, {"x": "2"})


@pytest.mark.parametrize("obj", [config(x="1"), service(), stateful_set(), policy(), gateway()])
def test_applying_the_same_again_changes_nothing(namespace: Namespace, obj: dict):
    namespace.applied(obj)
    # The first write after the creation also stores the status that a Gateway is given when it is read.
    first = namespace.applied(obj)
    assert namespace.applied(obj) == first


def test_two_managers_keep_out_of_each_others_way(namespace: Namespace):
    namespace.applied(config(x="1"), "alice")
    both = namespace.applied(config(y="2"), "bob")
    assert both["data"] == {"x": "1", "y": "2"}
    assert owned(both, "alice") == {"f:data": {"f:x": {}}}
    assert owned(both, "bob") == {"f:data": {"f:y": {}}}


def test_field_of_another_manager_is_conflict(namespace: Namespace, client: Client):
    namespace.applied(config(x="1"), "alice")
    bob = namespace.client("bob")
    with pytest.raises(ApiError) as refusal:
        bob.apply(ConfigMap(metadata=ObjectMeta(name="a"), data={"x": "2", "y": "2"}))
    status = refusal.value.status
    assert (status.code, status.reason) == (409, "Conflict")
    assert status.message == 'Apply failed with 1 conflict: conflict with "alice": .data.x'
    assert [(cause.field, cause.reason, cause.message) for cause in status.details.causes] == [
        (".data.x", "FieldManagerConflict", 'conflict with "alice"')
    ]
    assert client.get(ConfigMap, "a").data == {"x": "1"}


def test_conflicts_are_listed_by_manager(namespace: Namespace):
    namespace.applied(config(x="1", y="1"), "alice")
    namespace.applied(config(z="1"), "carol")
    answer = namespace.apply(config(x="2", y="2", z="2"), "bob")
    assert answer.json["message"] == (
        'Apply failed with 3 conflicts: conflicts with "alice":\n- .data.x\n- .data.y\n'
        'conflicts with "carol":\n- .data.z'
    )


def test_manager_that_updates_conflicts_too(namespace: Namespace):
    namespace.created(config(x="1"), "maker")
    answer = namespace.apply(config(x="2"))
    assert answer.json["message"] == ('Apply failed with 1 conflict: conflict with "maker" using v1: .data.x')


def test_force_takes_a_field_over(namespace: Namespace):
    namespace.applied(config(x="1", y="1"), "alice")
    taken = namespace.applied(config(x="2"), "bob", force=True)
    assert taken["data"] == {"x": "2", "y": "1"}
    assert owned(taken, "alice") == {"f:data": {"f:y": {}}}
    assert namespace.apply(config(x="1", y="1"), "alice").code == 409


def test_equal_value_stays_while_one_owner_applies_it(namespace: Namespace):
    namespace.applied(config(x="1"), "alice")
    shared = namespace.applied(config(x="1"), "bob")
    assert owned(shared, "alice") == owned(shared, "bob") == {"f:data": {"f:x": {}}}
    assert namespace.applied(config(), "alice")["data"] == {"x": "1"}
    assert "data" not in namespace.applied(config(), "bob")


def test_omitted_field_is_deleted(namespace: Namespace):
    namespace.applied(an("ConfigMap", "a", labels={"k": "v"}, data={"x": "1", "y": "2"}))
    fewer = namespace.applied(config(x="1"))
    assert fewer["data"] == {"x": "1"}
    assert "labels" not in fewer["metadata"]


def test_removed_field_stays_if_another_manager_wrote_it(namespace: Namespace):
    namespace.applied(config(x="1", y="2"))
    namespace.patched("ConfigMap", "a", {"data": {"y": "3"}}, MERGE)
    assert namespace.applied(config(x="1"))["data"] == {"x": "1", "y": "3"}


def test_manager_without_fields_is_forgotten(namespace: Namespace):
    namespace.applied(config(x="1"), "alice")
    namespace.applied(config(y="1"), "bob")
    assert owned(namespace.applied(an("ConfigMap", "a"), "bob"), "bob") is None


def test_applying_and_updating_are_two_ways_of_one_manager(namespace: Namespace):
    namespace.applied(config(x="1"), "alice")
    patched = namespace.patched("ConfigMap", "a", {"data": {"y": "2"}}, manager="alice")
    assert owned(patched, "alice", "Apply") == {"f:data": {"f:x": {}}}
    assert owned(patched, "alice", "Update") == {"f:data": {"f:y": {}}}


def test_patch_takes_over_applied_field(namespace: Namespace):
    namespace.applied(config(x="1", y="1"), "alice")
    patched = namespace.patched("ConfigMap", "a", {"data": {"x": "2"}})
    assert owned(patched, "alice") == {"f:data": {"f:y": {}}}
    assert owned(patched, "patcher", "Update") == {"f:data": {"f:x": {}}}


def test_labels_on_anothers_pod_template_come_and_go(namespace: Namespace):
    namespace.created(stateful_set(), "juju")
    mine = an("StatefulSet", "app", spec={"template": {"metadata": {"labels": {"mesh": "on"}}}})
    with_label = namespace.applied(mine)
    assert with_label["spec"]["template"]["metadata"]["labels"] == {"app": "app", "mesh": "on"}
    assert owned(with_label, "alice") == {
        "f:spec": {"f:template": {"f:metadata": {"f:labels": {"f:mesh": {}}}}}
    }
    without = namespace.applied(an("StatefulSet", "app"))
    assert without["spec"]["template"]["metadata"]["labels"] == {"app": "app"}


def test_ports_merge_by_number_and_protocol(namespace: Namespace):
    udp = {"name": "udp", "port": 80, "protocol": "UDP"}
    namespace.applied(service(), "alice")
    both = namespace.applied(an("Service", "app", spec={"ports": [udp]}), "bob")
    assert [(port["port"], port["protocol"]) for port in both["spec"]["ports"]] == [(80, "TCP"), (80, "UDP")]
    key = 'k:{"port":80,"protocol":"UDP"}'
    fields = {".": {}, "f:name": {}, "f:port": {}, "f:protocol": {}}
    assert owned(both, "bob") == {"f:spec": {"f:ports": {key: fields}}}
    one = namespace.applied(an("Service", "app"), "bob")
    assert [port["protocol"] for port in one["spec"]["ports"]] == ["TCP"]


def test_containers_merge_by_name(namespace: Namespace):
    namespace.applied(stateful_set(), "alice")
    workload = {"name": "workload", "image": "nginx:1.27"}
    containers = {"template": {"spec": {"containers": [workload]}}}
    both = namespace.applied(an("StatefulSet", "app", spec=containers), "bob")
    names = [one["name"] for one in both["spec"]["template"]["spec"]["containers"]]
    assert names == ["charm", "workload"]
    other = {"template": {"spec": {"containers": [{"name": "charm", "image": "other"}]}}}
    answer = namespace.apply(an("StatefulSet", "app", spec=other), "bob")
    assert causes(answer) == [('.spec.template.spec.containers[name="charm"].image', "FieldManagerConflict")]


def test_listeners_merge_by_name(namespace: Namespace):
    namespace.applied(gateway(), "alice")
    web = {"name": "web", "port": 80, "protocol": "HTTP"}
    both = namespace.applied(gateway("waypoint", web), "bob")
    assert [one["name"] for one in both["spec"]["listeners"]] == ["mesh", "web"]


def test_rules_of_policy_are_one_field(namespace: Namespace):
    namespace.applied(policy(), "alice")
    answer = namespace.apply(an("AuthorizationPolicy", "policy", spec={"rules": []}), "bob")
    assert causes(answer) == [(".spec.rules", "FieldManagerConflict")]
    assert owned(namespace.get("AuthorizationPolicy", "policy"), "alice") == {
        "f:spec": {"f:rules": {}, "f:targetRefs": {}}
    }


def test_services_selector_is_one_field(namespace: Namespace):
    namespace.applied(service(), "alice")
    answer = namespace.apply(an("Service", "app", spec={"selector": {"more": "x"}}), "bob")
    assert causes(answer) == [(".spec.selector", "FieldManagerConflict")]


def test_defaulted_field_causes_no_conflict(namespace: Namespace):
    namespace.applied(service(), "alice")
    changed = namespace.applied(an("Service", "app", spec={"sessionAffinity": "ClientIP"}), "bob")
    assert changed["spec"]["sessionAffinity"] == "ClientIP"


def test_defaulted_field_is_owned_by_its_creator(namespace: Namespace):
    created = namespace.created(service(), "maker")
    assert owned(created, "maker", "Update")["f:spec"].keys() >= {"f:sessionAffinity", "f:type", "f:ports"}


def test_status_has_owners_of_its_own(namespace: Namespace):
    namespace.applied(policy(), "alice")
    after = namespace.patched(
        "AuthorizationPolicy", "policy", {"status": {"note": "x"}}, manager="istiod", sub="/status"
    )
    assert owned(after, "istiod", "Update", "status") == {"f:status": {".": {}, "f:note": {}}}
    again = namespace.applied(policy(), "alice")
    assert again["status"] == {"note": "x"}
    assert again["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]


def test_status_in_what_is_applied_means_nothing(namespace: Namespace):
    applied = namespace.applied({**policy(), "status": {"note": "x"}})
    assert "status" not in applied
    assert owned(applied, "alice").keys() == {"f:spec"}


def test_strategic_patch_after_apply_shares_nothing(namespace: Namespace):
    namespace.applied(stateful_set(), "juju")
    patched = namespace.patched(
        "StatefulSet", "app", {"spec": {"template": {"metadata": {"labels": {"mesh": "on"}}}}}, STRATEGIC
    )
    assert owned(patched, "patcher", "Update") == {
        "f:spec": {"f:template": {"f:metadata": {"f:labels": {"f:mesh": {}}}}}
    }
    kept = namespace.applied(stateful_set(), "juju")
    assert kept["spec"]["template"]["metadata"]["labels"] == {"app": "app", "mesh": "on"}


def test_conditional_apply_is_for_one_version(namespace: Namespace):
    old = namespace.applied(config(x="1"))["metadata"]["resourceVersion"]
    namespace.applied(config(x="2"))
    conditional = config(x="3")
    conditional["metadata"]["resourceVersion"] = old
    answer = namespace.apply(conditional)
    assert (answer.code, answer.json["reason"]) == (409, "Conflict")


@pytest.mark.parametrize("obj", [config(x="1"), policy()])
def test_apply_to_no_version_creates(namespace: Namespace, obj: dict):
    new = {**obj, "metadata": {**obj["metadata"], "resourceVersion": "0"}}
    assert namespace.apply(new).code == 201


def test_apply_without_version_keeps_custom_resource(namespace: Namespace):
    there = namespace.applied(an("AuthorizationPolicy", "policy", spec={}), "alice")
    new = policy()
    new["metadata"]["resourceVersion"] = "0"
    answer = namespace.apply(new, "bob")
    assert (answer.code, answer.json["reason"]) == (422, "Invalid")
    assert answer.json["message"] == (
        'authorizationpolicies.security.istio.io "policy" is invalid: '
        "metadata.resourceVersion: Invalid value: 0: must be specified for an update"
    )
    assert namespace.get("AuthorizationPolicy", "policy") == there


def test_apply_with_version_zero_conflicts(namespace: Namespace):
    namespace.applied(an("AuthorizationPolicy", "policy", spec={"rules": []}), "alice")
    new = policy()
    new["metadata"]["resourceVersion"] = "0"
    assert namespace.apply(new, "bob").code == 409


def test_apply_without_version_changes_built_in_kinds(namespace: Namespace):
    namespace.applied(config(x="1"))
    new = config(x="2")
    new["metadata"]["resourceVersion"] = "0"
    answer = namespace.apply(new)
    assert (answer.code, answer.json["data"]) == (200, {"x": "2"})


def test_an_apply_needs_a_manager(namespace: Namespace):
    path = namespace.path("ConfigMap", "a")
    answer = namespace.connection.send("PATCH", path, config(x="1"), content_type=APPLY)
    assert (answer.code, answer.json["reason"]) == (422, "Invalid")
    assert answer.json["message"] == (
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
    )


def test_apply_must_not_bring_managed_fields(namespace: Namespace):
    obj = config(x="1")
    obj["metadata"]["managedFields"] = [{"manager": "x", "operation": "Apply"}]
    answer = namespace.apply(obj)
    assert (answer.code, answer.json["message"]) == (400, "metadata.managedFields must be nil")


@pytest.mark.parametrize(
    ("obj", "why"),
    [
        (an("ConfigMap", "a", stray=1), ".stray: field not declared in schema"),
        (
            an("ConfigMap", "a", data={"x": 1}),
            ".data.x: expected string, got &value.valueUnstructured{Value:1}",
        ),
        (policy(stray=1), ".spec.stray: field not declared in schema"),
        (policy(rules=[{"form": []}]), ".spec.rules[0].form: field not declared in schema"),
        (policy(action=1), ".spec.action: expected string, got &value.valueUnstructured{Value:1}"),
        (policy(rules={}), ".spec.rules: expected list, got"),
    ],
)
def test_field_outside_the_schema_is_not_applied(namespace: Namespace, obj: dict, why: str):
    answer = namespace.apply(obj)
    assert answer.code == 500
    assert answer.json["message"].startswith("failed to create typed patch object (")
    assert why in answer.json["message"]


def test_apply_needs_kind_and_matching_type(namespace: Namespace):
    path = namespace.path("ConfigMap", "a", "?fieldManager=alice")
    other = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}
    answer = namespace.connection.send("PATCH", path, other, content_type=APPLY)
    assert (answer.code, answer.json["message"]) == (400, "invalid object type: /v1, Kind=Secret")
    answer = namespace.connection.send("PATCH", path, {"metadata": {"name": "a"}}, content_type=APPLY)
    assert (answer.code, answer.json["message"]) == (400, "invalid object type: /, Kind=")


def test_yaml_can_be_applied(namespace: Namespace):
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  x: one\n"
    path = namespace.path("ConfigMap", "a", "?fieldManager=alice")
    answer = namespace.connection.send("PATCH", path, text, content_type=APPLY)
    assert (answer.code, answer.json["data"]) == (201, {"x": "one"})


def test_apply_must_be_to_name_of_path(namespace: Namespace):
    path = namespace.path("ConfigMap", "b", "?fieldManager=alice")
    answer = namespace.connection.send("PATCH", path, config(x="1"), content_type=APPLY)
    assert (answer.code, answer.json["reason"]) == (400, "BadRequest")
