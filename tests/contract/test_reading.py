"""Getting and listing objects."""

import pytest
from lightkube import ApiError, Client, operators
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Service
from lightkube.resources.core_v1 import Namespace as KubernetesNamespace

from tests.support.kubernetes_api import Namespace, an, policy, service


@pytest.fixture
def letters(namespace: Namespace) -> Namespace:
    """ConfigMaps a, b and c: a and b have a colour, all except c are small."""
    namespace.created(an("ConfigMap", "b", labels={"colour": "blue", "size": "small"}))
    namespace.created(an("ConfigMap", "a", labels={"colour": "red", "size": "small"}))
    namespace.created(an("ConfigMap", "c", labels={"size": "large"}))
    return namespace


def names(objects) -> list[str]:
    return [obj.metadata.name for obj in objects]


def test_object_is_read_as_it_was_written(client: Client):
    written = client.create(ConfigMap(metadata=ObjectMeta(name="a", labels={"k": "v"}), data={"x": "1"}))
    read = client.get(ConfigMap, "a")
    assert read == written
    assert read.data == {"x": "1"}
    assert read.metadata.labels == {"k": "v"}


def test_object_that_is_not_there_is_named(client: Client):
    with pytest.raises(ApiError) as refusal:
        client.get(ConfigMap, "nobody")
    status = refusal.value.status
    assert (status.code, status.reason) == (404, "NotFound")
    assert status.message == 'configmaps "nobody" not found'
    assert (status.details.name, status.details.kind) == ("nobody", "configmaps")


def test_list_is_in_order_of_names(letters: Namespace, client: Client):
    assert names(client.list(ConfigMap)) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ({"colour": "red"}, ["a"]),
        ({"colour": "red", "size": "large"}, []),
        ({"colour": None}, ["a", "b"]),
        ({"colour": ["red", "blue", "green"]}, ["a", "b"]),
        ({"colour": operators.not_in(["red"])}, ["b", "c"]),
        ({"colour": operators.not_equal("red")}, ["b", "c"]),
        ({"colour": operators.not_exists()}, ["c"]),
        ({"size": operators.in_(["small"]), "colour": operators.exists()}, ["a", "b"]),
    ],
)
def test_labels_select(letters: Namespace, client: Client, labels, found: list[str]):
    assert names(client.list(ConfigMap, labels=labels)) == found


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("colour==red", ["a"]),
        ("colour!=red,size", ["b", "c"]),
        ("!colour", ["c"]),
        ("colour in (red,blue),size=small", ["a", "b"]),
        ("colour notin (red, blue)", ["c"]),
        ("", ["a", "b", "c"]),
    ],
)
def test_written_selector_selects(letters: Namespace, selector: str, found: list[str]):
    query = "?labelSelector=" + selector.replace(" ", "%20").replace("=", "%3D")
    listed = letters.connection.must("GET", letters.path("ConfigMap", query=query))
    assert [item["metadata"]["name"] for item in listed["items"]] == found


@pytest.mark.parametrize("selector", ["%3D%3D", "a%20in%20(", "a%3D-bad-", "a%20b", "a%20zin%20(b)"])
def test_selector_that_cannot_be_read_is_refused(namespace: Namespace, selector: str):
    path = namespace.path("ConfigMap", query=f"?labelSelector={selector}")
    answer = namespace.connection.send("GET", path)
    assert (answer.code, answer.json["reason"]) == (400, "BadRequest")


def test_names_and_namespaces_select(letters: Namespace, client: Client):
    assert names(client.list(ConfigMap, fields={"metadata.name": "b"})) == ["b"]
    found = client.list(ConfigMap, namespace="*", fields={"metadata.namespace": letters.name})
    assert names(found) == ["a", "b", "c"]
    found = client.list(ConfigMap, fields={"metadata.name": operators.not_equal("b")})
    assert names(found) == ["a", "c"]


def test_other_fields_do_not_select(namespace: Namespace):
    path = namespace.path("ConfigMap", query="?fieldSelector=data.x%3D1")
    answer = namespace.connection.send("GET", path)
    assert (answer.code, answer.json["reason"]) == (400, "BadRequest")
    assert '"data.x" is not a known field selector' in answer.json["message"]


def test_address_of_service_selects(namespace: Namespace, client: Client):
    address = namespace.created(service())["spec"]["clusterIP"]
    found = client.list(Service, namespace="*", fields={"spec.clusterIP": address})
    assert names(found) == ["app"]
    assert names(client.list(Service, namespace="*", fields={"spec.clusterIP": "10.152.250.250"})) == []


def test_list_across_namespaces_has_those_of_each(letters: Namespace, client: Client):
    found = client.list(ConfigMap, namespace="*", labels={"size": ["small", "large"]})
    assert [obj.metadata.name for obj in found if obj.metadata.namespace == letters.name] == ["a", "b", "c"]


def test_list_in_chunks_has_every_object_once(letters: Namespace, client: Client):
    assert names(client.list(ConfigMap, chunk_size=1)) == ["a", "b", "c"]
    assert names(client.list(ConfigMap, chunk_size=2)) == ["a", "b", "c"]
    assert names(client.list(ConfigMap, chunk_size=2, labels={"size": "small"})) == ["a", "b"]


def test_chunk_has_token_and_remaining_count(letters: Namespace):
    first = letters.connection.must("GET", letters.path("ConfigMap", query="?limit=2"))
    assert first["metadata"]["remainingItemCount"] == 1
    token = first["metadata"]["continue"]
    rest = letters.connection.must("GET", letters.path("ConfigMap", query=f"?limit=2&continue={token}"))
    assert [item["metadata"]["name"] for item in rest["items"]] == ["c"]
    assert not rest["metadata"].get("continue")
    assert "remainingItemCount" not in rest["metadata"]
    assert rest["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_how_much_is_left_of_selection_is_not_counted(letters: Namespace):
    first = letters.connection.must("GET", letters.path("ConfigMap", query="?limit=1&labelSelector=size"))
    assert "remainingItemCount" not in first["metadata"]


def test_token_that_cannot_be_read_is_refused(namespace: Namespace):
    answer = namespace.connection.send("GET", namespace.path("ConfigMap", query="?limit=1&continue=zzz"))
    assert (answer.code, answer.json["reason"]) == (400, "BadRequest")


def test_list_has_version_of_the_last_change(letters: Namespace):
    last = letters.patched("ConfigMap", "a", {"data": {"x": "1"}})
    listed = letters.connection.must("GET", letters.path("ConfigMap"))
    assert int(listed["metadata"]["resourceVersion"]) >= int(last["metadata"]["resourceVersion"])


def test_only_listed_custom_resources_have_kind(namespace: Namespace):
    namespace.created(an("ConfigMap", "a"))
    namespace.created(policy())
    listed = namespace.connection.must("GET", namespace.path("ConfigMap"))
    assert (listed["kind"], listed["apiVersion"]) == ("ConfigMapList", "v1")
    assert "kind" not in listed["items"][0]
    listed = namespace.connection.must("GET", namespace.path("AuthorizationPolicy"))
    assert (listed["kind"], listed["apiVersion"]) == ("AuthorizationPolicyList", "security.istio.io/v1")
    assert listed["items"][0]["kind"] == "AuthorizationPolicy"


def test_an_empty_list_is_a_list(client: Client, namespace: Namespace):
    assert names(client.list(ConfigMap)) == []
    assert names(client.list(ConfigMap, namespace="nowhere-at-all")) == []


def test_namespace_is_found_by_its_name_label(client: Client, namespace: Namespace):
    labels = {"kubernetes.io/metadata.name": namespace.name}
    assert names(client.list(KubernetesNamespace, labels=labels)) == [namespace.name]
