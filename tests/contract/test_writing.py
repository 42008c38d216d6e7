"""Creating, replacing and deleting objects."""

import pytest
from lightkube import ApiError, Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap

from tests.support.kubernetes_api import (
    AuthorizationPolicy,
    Namespace,
    an,
    gateway,
    policy,
    service,
    stateful_set,
)


def test_server_sets_uid_version_and_time(namespace: Namespace):
    metadata = namespace.created(an("ConfigMap", "a"))["metadata"]
    assert metadata["namespace"] == namespace.name
    assert metadata.keys() >= {"uid", "resourceVersion", "creationTimestamp"}
    again = namespace.created(an("ConfigMap", "b"))["metadata"]
    assert again["uid"] != metadata["uid"]
    assert int(again["resourceVersion"]) > int(metadata["resourceVersion"])


def test_name_is_made_up_from_its_beginning(namespace: Namespace):
    answer = namespace.connection.must(
        "POST", namespace.path("ConfigMap"), {"metadata": {"generateName": "made-"}}
    )
    assert answer["metadata"]["name"].startswith("made-")
    assert len(answer["metadata"]["name"]) == len("made-") + 5


def test_a_name_can_be_taken_once(client: Client):
    client.create(ConfigMap(metadata=ObjectMeta(name="a")))
    with pytest.raises(ApiError) as refusal:
        client.create(ConfigMap(metadata=ObjectMeta(name="a")))
    status = refusal.value.status
    assert (status.code, status.reason) == (409, "AlreadyExists")
    assert status.message == 'configmaps "a" already exists'
    assert (status.details.name, status.details.kind) == ("a", "configmaps")


def test_nothing_is_created_in_namespace_that_is_not_there(client: Client):
    with pytest.raises(ApiError) as refusal:
        client.create(ConfigMap(metadata=ObjectMeta(name="a", namespace="nowhere-at-all")))
    status = refusal.value.status
    assert (status.code, status.reason) == (404, "NotFound")
    assert status.message == 'namespaces "nowhere-at-all" not found'
    assert (status.details.name, status.details.kind) == ("nowhere-at-all", "namespaces")


def test_version_is_none_of_a_new_objects_business(namespace: Namespace):
    obj = an("ConfigMap", "a")
    obj["metadata"]["resourceVersion"] = "1"
    answer = namespace.create(obj)
    assert answer.code == 500
    assert answer.json["message"] == "resourceVersion should not be set on objects to be created"


def test_replacing_leaves_nothing_of_the_old_content(client: Client):
    client.create(ConfigMap(metadata=ObjectMeta(name="a", labels={"k": "v"}), data={"x": "1"}))
    new = client.replace(ConfigMap(metadata=ObjectMeta(name="a"), data={"y": "2"}))
    assert new.data == {"y": "2"}
    assert not new.metadata.labels


def test_replacing_an_old_version_is_conflict(client: Client):
    old = client.create(ConfigMap(metadata=ObjectMeta(name="a"), data={"x": "1"}))
    client.patch(ConfigMap, "a", {"data": {"x": "2"}})
    old.data = {"x": "3"}
    with pytest.raises(ApiError) as refusal:
        client.replace(old)
    status = refusal.value.status
    assert (status.code, status.reason) == (409, "Conflict")
    assert status.message == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    assert client.get(ConfigMap, "a").data == {"x": "2"}


def test_replacing_another_object_of_name_is_conflict(namespace: Namespace):
    namespace.created(an("ConfigMap", "a"))
    other = an("ConfigMap", "a")
    other["metadata"]["uid"] = "0f0e0d0c-0000-0000-0000-000000000000"
    answer = namespace.connection.send("PUT", namespace.path("ConfigMap", "a"), other)
    assert (answer.code, answer.json["reason"]) == (409, "Conflict")


def test_what_is_not_there_cannot_be_replaced(client: Client):
    with pytest.raises(ApiError) as refusal:
        client.replace(ConfigMap(metadata=ObjectMeta(name="nobody")))
    assert refusal.value.status.code == 404


def test_custom_resources_are_replaced_by_version_only(client: Client, namespace: Namespace):
    namespace.created(policy())
    answer = namespace.connection.send("PUT", namespace.path("AuthorizationPolicy", "policy"), policy())
    assert (answer.code, answer.json["reason"]) == (422, "Invalid")
    assert answer.json["details"]["causes"][0]["field"] == "metadata.resourceVersion"
    known = client.get(AuthorizationPolicy, "policy")
    known["spec"]["action"] = "DENY"
    assert client.replace(known)["spec"]["action"] == "DENY"


# A StatefulSet gets new versions meanwhile, from its controller's reports.
@pytest.mark.parametrize("obj", [an("ConfigMap", "app", data={"x": "1"}), service(), policy()])
def test_write_that_changes_nothing_makes_no_version(namespace: Namespace, obj: dict):
    first = namespace.created(obj)
    kind, name = obj["kind"], obj["metadata"]["name"]
    same = namespace.connection.must("PUT", namespace.path(kind, name, "?fieldManager=creator"), first)
    assert same["metadata"] == first["metadata"]
    again = namespace.patched(kind, name, {"metadata": {"labels": {}}}, manager="creator")
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


@pytest.mark.parametrize(
    ("obj", "change"),
    [
        (stateful_set(), {"spec": {"replicas": 2}}),
        (policy("app"), {"spec": {"action": "DENY"}}),
        (gateway("app"), {"spec": {"listeners": [{"name": "a", "port": 1, "protocol": "TCP"}]}}),
    ],
)
def test_generation_counts_what_is_asked_for_and_no_longer(namespace: Namespace, obj: dict, change: dict):
    kind = obj["kind"]
    assert namespace.created(obj)["metadata"]["generation"] == 1
    labelled = namespace.patched(kind, "app", {"metadata": {"labels": {"k": "v"}}})
    assert labelled["metadata"]["generation"] == 1
    conditions = [
        {
            "type": "Seen",
            "status": "True",
            "reason": "Seen",
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
    ]
    seen = namespace.patched(
        kind, "app", {"status": {"replicas": 0, "conditions": conditions}}, sub="/status"
    )
    assert seen["metadata"]["generation"] == 1
    assert namespace.patched(kind, "app", change)["metadata"]["generation"] == 2


@pytest.mark.parametrize("obj", [an("ConfigMap", "a"), service("a"), an("ServiceAccount", "a")])
def test_some_kinds_have_no_generation(namespace: Namespace, obj: dict):
    assert "generation" not in namespace.created(obj)["metadata"]


def test_what_is_deleted_is_gone(client: Client):
    client.create(ConfigMap(metadata=ObjectMeta(name="a")))
    client.delete(ConfigMap, "a")
    with pytest.raises(ApiError) as refusal:
        client.delete(ConfigMap, "a")
    status = refusal.value.status
    assert (status.code, status.message) == (404, 'configmaps "a" not found')


def test_deletion_names_what_it_deleted(namespace: Namespace):
    uid = namespace.created(policy())["metadata"]["uid"]
    answer = namespace.connection.must("DELETE", namespace.path("AuthorizationPolicy", "policy"))
    assert answer["status"] == "Success"
    assert answer["details"] == {
        "name": "policy",
        "group": "security.istio.io",
        "kind": "authorizationpolicies",
        "uid": uid,
    }


@pytest.mark.parametrize("condition", ["uid", "resourceVersion"])
def test_another_object_than_the_one_meant_is_not_deleted(namespace: Namespace, condition: str):
    metadata = namespace.created(an("ConfigMap", "a"))["metadata"]
    path = namespace.path("ConfigMap", "a")
    answer = namespace.connection.send("DELETE", path, {"preconditions": {condition: "other"}})
    assert (answer.code, answer.json["reason"]) == (409, "Conflict")
    meant = {"preconditions": {condition: metadata[condition]}}
    assert namespace.connection.send("DELETE", path, meant).code == 200


def test_finalizer_holds_what_is_deleted(namespace: Namespace):
    obj = an("ConfigMap", "a")
    obj["metadata"]["finalizers"] = ["example.com/hold"]
    namespace.created(obj)
    namespace.connection.must("DELETE", namespace.path("ConfigMap", "a"))
    assert namespace.get("ConfigMap", "a")["metadata"]["deletionTimestamp"]
    namespace.patched("ConfigMap", "a", {"metadata": {"finalizers": None}})
    assert namespace.connection.send("GET", namespace.path("ConfigMap", "a")).code == 404


def test_selection_is_deleted_at_once(namespace: Namespace, client: Client):
    for name, label in (("a", "x"), ("b", "x"), ("c", "y")):
        namespace.created(an("ConfigMap", name, labels={"k": label}))
    namespace.connection.must("DELETE", namespace.path("ConfigMap", query="?labelSelector=k%3Dx"))
    assert [obj.metadata.name for obj in client.list(ConfigMap)] == ["c"]
    client.deletecollection(ConfigMap)
    assert list(client.list(ConfigMap)) == []


def test_a_dry_run_does_nothing(namespace: Namespace, client: Client):
    client.create(ConfigMap(metadata=ObjectMeta(name="a")), dry_run=True)
    assert list(client.list(ConfigMap)) == []
    namespace.created(an("ConfigMap", "b", data={"x": "1"}))
    assert client.patch(ConfigMap, "b", {"data": {"x": "2"}}, dry_run=True).data == {"x": "2"}
    client.delete(ConfigMap, "b", dry_run=True)
    assert client.get(ConfigMap, "b").data == {"x": "1"}
