"""Patches: merge, strategic merge, JSON patch; and the status apart from the rest."""

import pytest
from lightkube import ApiError, Client
from lightkube.resources.apps_v1 import StatefulSet
from lightkube.resources.core_v1 import ConfigMap, Service
from lightkube.types import PatchType

from tests.support.kubernetes_api import (
    JSON_PATCH,
    MERGE,
    STRATEGIC,
    AuthorizationPolicy,
    Namespace,
    an,
    causes,
    policy,
    service,
    stateful_set,
)


def template_labels(client: Client) -> dict[str, str]:
    return client.get(StatefulSet, "app").spec.template.metadata.labels


def labels_patch(**labels: str | None) -> dict:
    return {"spec": {"template": {"metadata": {"labels": labels}}}}


@pytest.mark.parametrize("how", [PatchType.STRATEGIC, PatchType.MERGE])
def test_labels_of_pod_template_come_and_go_by_themselves(
    namespace: Namespace, client: Client, how: PatchType
):
    namespace.created(stateful_set())
    client.patch(StatefulSet, "app", labels_patch(mesh="on"), patch_type=how)
    assert template_labels(client) == {"app": "app", "mesh": "on"}
    client.patch(StatefulSet, "app", labels_patch(mesh=None), patch_type=how)
    assert template_labels(client) == {"app": "app"}
    before = client.get(StatefulSet, "app").metadata.resourceVersion
    client.patch(StatefulSet, "app", labels_patch(mesh=None), patch_type=how)
    assert client.get(StatefulSet, "app").metadata.resourceVersion == before


@pytest.mark.parametrize("how", [PatchType.STRATEGIC, PatchType.MERGE])
def test_the_last_label_leaves_no_labels(namespace: Namespace, client: Client, how: PatchType):
    namespace.created(an("Service", "app", labels={"k": "v"}, spec=service()["spec"]))
    patched = client.patch(Service, "app", {"metadata": {"labels": {"k": None}}}, patch_type=how)
    assert patched.metadata.labels is None


def test_merge_patch_replaces_lists(namespace: Namespace):
    namespace.created(service())
    new = namespace.patched("Service", "app", {"spec": {"ports": [{"name": "other", "port": 81}]}}, MERGE)
    assert [port["port"] for port in new["spec"]["ports"]] == [81]


def test_strategic_patch_merges_ports_by_number(namespace: Namespace):
    namespace.created(service())
    more = namespace.patched(
        "Service", "app", {"spec": {"ports": [{"name": "other", "port": 81}]}}, STRATEGIC
    )
    assert [port["port"] for port in more["spec"]["ports"]] == [81, 80]
    renamed = namespace.patched("Service", "app", {"spec": {"ports": [{"name": "x", "port": 80}]}}, STRATEGIC)
    assert {port["port"]: port["name"] for port in renamed["spec"]["ports"]} == {81: "other", 80: "x"}
    fewer = namespace.patched(
        "Service", "app", {"spec": {"ports": [{"port": 81, "$patch": "delete"}]}}, STRATEGIC
    )
    assert [port["port"] for port in fewer["spec"]["ports"]] == [80]


def test_strategic_patch_that_names_port_twice_means_one(namespace: Namespace):
    namespace.created(service())
    twice = [{"name": "y", "port": 81}, {"port": 81, "targetPort": 8081}]
    more = namespace.patched("Service", "app", {"spec": {"ports": twice}}, STRATEGIC)
    assert [(port.get("name"), port["port"], port["targetPort"]) for port in more["spec"]["ports"]] == [
        ("y", 81, 8081),
        ("http", 80, 80),
    ]


def test_strategic_patch_gives_its_order_to_what_it_names(namespace: Namespace):
    ports = [{"name": f"p{number}", "port": number} for number in (80, 81, 82, 83)]
    namespace.created(an("Service", "app", spec={"ports": ports}))
    change = [{"name": "new", "port": 90}, {"name": "last", "port": 83}, {"name": "first", "port": 81}]
    merged = namespace.patched("Service", "app", {"spec": {"ports": change}}, STRATEGIC)
    assert [port["port"] for port in merged["spec"]["ports"]] == [90, 80, 82, 83, 81]


def test_strategic_patch_merges_containers_by_name(namespace: Namespace):
    namespace.created(stateful_set())
    variable = {"name": "charm", "env": [{"name": "A", "value": "1"}]}
    workload = {"name": "workload", "image": "nginx:1.27", "ports": [{"containerPort": 80}]}
    containers = {"containers": [variable, workload]}
    pods = namespace.patched("StatefulSet", "app", {"spec": {"template": {"spec": containers}}}, STRATEGIC)
    merged = {one["name"]: one for one in pods["spec"]["template"]["spec"]["containers"]}
    assert merged["charm"]["image"] == "ubuntu:24.04"
    assert merged["charm"]["env"] == [{"name": "A", "value": "1"}]
    assert merged["workload"]["ports"] == [{"containerPort": 80, "protocol": "TCP"}]


def test_strategic_patch_needs_key_of_item(namespace: Namespace):
    namespace.created(stateful_set())
    nameless = {"spec": {"template": {"spec": {"containers": [{"image": "x"}]}}}}
    answer = namespace.patch("StatefulSet", "app", nameless, STRATEGIC)
    assert answer.code == 500
    assert answer.json["message"] == "map: map[image:x] does not contain declared merge key: name"


def test_strategic_patch_can_replace_map(namespace: Namespace):
    namespace.created(an("ConfigMap", "a", data={"x": "1"}))
    new = namespace.patched("ConfigMap", "a", {"data": {"$patch": "replace", "y": "2"}}, STRATEGIC)
    assert new["data"] == {"y": "2"}


def test_custom_resources_know_no_strategic_patch(namespace: Namespace, client: Client):
    namespace.created(policy())
    with pytest.raises(ApiError) as refusal:
        client.patch(AuthorizationPolicy, "policy", {"spec": {}}, patch_type=PatchType.STRATEGIC)
    status = refusal.value.status
    assert (status.code, status.reason) == (415, "UnsupportedMediaType")
    assert status.message == (
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
    )


def test_custom_resources_are_merged(namespace: Namespace, client: Client):
    namespace.created(policy())
    new = client.patch(
        AuthorizationPolicy, "policy", {"spec": {"action": "DENY", "rules": None}}, patch_type=PatchType.MERGE
    )
    assert new["spec"] == {
        "action": "DENY",
        "targetRefs": [{"group": "", "kind": "Service", "name": "app"}],
    }


def test_json_patch_names_places(namespace: Namespace):
    namespace.created(an("ConfigMap", "a", labels={"a/b": "1"}, data={"x": "1"}))
    operations = [
        {"op": "test", "path": "/data/x", "value": "1"},
        {"op": "replace", "path": "/data/x", "value": "2"},
        {"op": "copy", "from": "/data/x", "path": "/data/y"},
        {"op": "move", "from": "/metadata/labels/a~1b", "path": "/metadata/labels/c"},
        {"op": "add", "path": "/data/z", "value": "3"},
        {"op": "remove", "path": "/data/x"},
    ]
    new = namespace.patched("ConfigMap", "a", operations, JSON_PATCH)
    assert new["data"] == {"y": "2", "z": "3"}
    assert new["metadata"]["labels"] == {"c": "1"}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/data/nothing"},
        {"op": "add", "path": "/nothing/x", "value": "1"},
        {"op": "test", "path": "/data/x", "value": "other"},
        {"op": "invent", "path": "/data/x"},
    ],
)
def test_json_patch_that_does_not_fit_is_refused_as_a_whole(namespace: Namespace, operation: dict):
    namespace.created(an("ConfigMap", "a", data={"x": "1"}))
    good = {"op": "add", "path": "/data/y", "value": "2"}
    answer = namespace.patch("ConfigMap", "a", [good, operation], JSON_PATCH)
    assert (answer.code, answer.json["reason"]) == (422, "Invalid")
    assert namespace.get("ConfigMap", "a")["data"] == {"x": "1"}


def test_json_patch_that_is_no_list_is_refused(namespace: Namespace):
    namespace.created(an("ConfigMap", "a"))
    answer = namespace.patch("ConfigMap", "a", {"op": "remove", "path": "/data"}, JSON_PATCH)
    assert (answer.code, answer.json["reason"]) == (400, "BadRequest")


def test_json_patch_replaces_what_is_not_there(namespace: Namespace):
    namespace.created(an("ConfigMap", "a", data={"x": "1"}))
    operation = {"op": "replace", "path": "/data/y", "value": "2"}
    assert namespace.patched("ConfigMap", "a", [operation], JSON_PATCH)["data"] == {"x": "1", "y": "2"}


def test_what_is_not_there_cannot_be_patched(client: Client):
    with pytest.raises(ApiError) as refusal:
        client.patch(ConfigMap, "nobody", {"data": {}})
    assert refusal.value.status.message == 'configmaps "nobody" not found'


def test_patch_of_an_old_version_is_conflict(namespace: Namespace, client: Client):
    namespace.created(an("ConfigMap", "a"))
    with pytest.raises(ApiError) as refusal:
        client.patch(ConfigMap, "a", {"metadata": {"resourceVersion": "1"}, "data": {"x": "1"}})
    assert (refusal.value.status.code, refusal.value.status.reason) == (409, "Conflict")


def test_a_patch_cannot_rename(namespace: Namespace):
    namespace.created(an("ConfigMap", "a"))
    answer = namespace.patch("ConfigMap", "a", {"metadata": {"name": "b"}})
    assert answer.code == 400
    assert answer.json["message"] == "the name of the object (b) does not match the name on the URL (a)"


@pytest.mark.parametrize("how", [MERGE, STRATEGIC])
def test_patch_to_another_type_is_refused(namespace: Namespace, how: str):
    namespace.created(an("ConfigMap", "a"))
    answer = namespace.patch("ConfigMap", "a", {"data": {"x": 1}}, how)
    assert (answer.code, answer.json["reason"]) == (422, "Invalid")
    assert causes(answer) == [("patch", "FieldValueInvalid")]


def test_unknown_kind_of_patch_is_refused(namespace: Namespace):
    namespace.created(an("ConfigMap", "a"))
    answer = namespace.patch("ConfigMap", "a", {}, "application/strange")
    assert (answer.code, answer.json["reason"]) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize("body", [b"{", b""])
def test_patch_that_is_no_json_is_refused(namespace: Namespace, body: bytes):
    namespace.created(an("ConfigMap", "a"))
    answer = namespace.patch("ConfigMap", "a", body, MERGE)
    assert (answer.code, answer.json["reason"]) == (400, "BadRequest")


def test_most_of_stateful_set_stays_as_it_was_made(namespace: Namespace):
    namespace.created(stateful_set())
    answer = namespace.patch("StatefulSet", "app", {"spec": {"serviceName": "other"}})
    assert (answer.code, answer.json["reason"]) == (422, "Invalid")
    assert causes(answer) == [("spec", "FieldValueForbidden")]
    assert "updates to statefulset spec for fields other than 'replicas'" in answer.json["message"]


def test_status_is_written_apart_from_the_rest(namespace: Namespace):
    namespace.created(policy())
    name = ("AuthorizationPolicy", "policy")
    after = namespace.patched(*name, {"status": {"note": "x"}, "spec": {"action": "DENY"}}, sub="/status")
    assert after["status"] == {"note": "x"}
    assert "action" not in after["spec"]
    untold = namespace.patched(*name, {"status": {"note": "y"}, "spec": {"action": "DENY"}})
    assert untold["status"] == {"note": "x"}
    assert untold["spec"]["action"] == "DENY"


def test_a_new_object_has_no_status_of_its_makers(namespace: Namespace):
    assert "status" not in namespace.created({**policy(), "status": {"note": "x"}})
    assert namespace.created({**stateful_set(), "status": {"replicas": 7}})["status"]["replicas"] == 0


def test_status_can_be_read_alone(namespace: Namespace):
    namespace.created(stateful_set())
    read = namespace.connection.must("GET", namespace.path("StatefulSet", "app", "/status"))
    assert read == namespace.get("StatefulSet", "app")


def test_kind_without_status_has_no_such_path(namespace: Namespace):
    namespace.created(an("ConfigMap", "a"))
    answer = namespace.connection.send("GET", namespace.path("ConfigMap", "a", "/status"))
    assert (answer.code, answer.json["reason"]) == (404, "NotFound")
