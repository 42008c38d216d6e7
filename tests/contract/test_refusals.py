"""Rejected requests: the bodies, and the errors of lightkube."""

import pytest
from lightkube import ApiError, Client
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Service

from tests.support.kubernetes_api import APPLY, MERGE, UNPRIVILEGED, Api, AuthorizationPolicy, Namespace, an

NotInstalled = create_namespaced_resource("nowhere.example.com", "v1", "Thing", "things")


@pytest.fixture
def unprivileged(namespace: Namespace) -> Client:
    return namespace.client(user=UNPRIVILEGED)


def test_kind_of_unknown_group_is_no_api_error(namespace: Namespace, client: Client):
    """A missing CRD is answered in plain text, for which lightkube raises an error of its HTTP library."""
    answer = namespace.connection.send("GET", "/apis/nowhere.example.com/v1/things")
    assert (answer.code, answer.content_type) == (404, "text/plain; charset=utf-8")
    assert answer.text.strip() == "404 page not found"
    for request in (
        lambda: list(client.list(NotInstalled)),
        lambda: client.get(NotInstalled, "x"),
        lambda: client.apply(NotInstalled(metadata={"name": "x"})),
        lambda: client.delete(NotInstalled, "x"),
    ):
        with pytest.raises(Exception, match="404") as error:
            request()
        assert not isinstance(error.value, ApiError)
        assert error.value.response.status_code == 404  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["/api/v1/things", "/apis/apps/v1/things", "/apis/apps/v9/statefulsets"])
def test_unknown_kind_of_known_group_is_reported(namespace: Namespace, path: str):
    answer = namespace.connection.send("GET", path)
    assert answer.code == 404
    assert answer.json == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "the server could not find the requested resource",
        "reason": "NotFound",
        "details": {},
        "code": 404,
    }


def test_the_whole_of_a_refusal(namespace: Namespace):
    answer = namespace.connection.send("GET", namespace.path("AuthorizationPolicy", "nobody"))
    assert (answer.code, answer.content_type) == (404, "application/json")
    assert answer.json == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'authorizationpolicies.security.istio.io "nobody" not found',
        "reason": "NotFound",
        "details": {"name": "nobody", "group": "security.istio.io", "kind": "authorizationpolicies"},
        "code": 404,
    }


def test_denied_list_names_the_namespace(api: Api, namespace: Namespace, unprivileged: Client):
    with pytest.raises(ApiError) as refusal:
        list(unprivileged.list(Service))
    status = refusal.value.status
    assert (status.code, status.reason) == (403, "Forbidden")
    assert status.message == (
        f'services is forbidden: User "{api.unprivileged}" cannot list resource "services" '
        f'in API group "" in the namespace "{namespace.name}"'
    )
    with pytest.raises(ApiError) as refusal:
        list(unprivileged.list(Service, namespace="*"))
    assert refusal.value.status.message.endswith('in API group "" at the cluster scope')


@pytest.mark.parametrize(
    ("verb", "request_of"),
    [
        ("get", lambda client: client.get(AuthorizationPolicy, "x")),
        ("delete", lambda client: client.delete(AuthorizationPolicy, "x")),
        ("patch", lambda client: client.apply(AuthorizationPolicy(metadata={"name": "x"}))),
        ("patch", lambda client: client.patch(AuthorizationPolicy, "x", {"spec": {}})),
        ("update", lambda client: client.replace(AuthorizationPolicy(metadata={"name": "x"}))),
    ],
)
def test_denied_request_names_verb_and_resource(
    api: Api, namespace: Namespace, unprivileged: Client, verb: str, request_of
):
    with pytest.raises(ApiError) as refusal:
        request_of(unprivileged)
    status = refusal.value.status
    assert (status.code, status.reason) == (403, "Forbidden")
    assert status.message == (
        f'authorizationpolicies.security.istio.io "x" is forbidden: User "{api.unprivileged}" cannot {verb} '
        'resource "authorizationpolicies" in API group "security.istio.io" '
        f'in the namespace "{namespace.name}"'
    )
    details = (status.details.name, status.details.group, status.details.kind)
    assert details == ("x", "security.istio.io", "authorizationpolicies")


def test_denied_create_omits_the_name(api: Api, namespace: Namespace, unprivileged: Client):
    with pytest.raises(ApiError) as refusal:
        unprivileged.create(ConfigMap(metadata=ObjectMeta(name="x")))
    assert refusal.value.status.message == (
        f'configmaps is forbidden: User "{api.unprivileged}" cannot create resource "configmaps" '
        f'in API group "" in the namespace "{namespace.name}"'
    )


def test_subresource_is_named_in_refusal(namespace: Namespace):
    connection = namespace.api.connection(user=UNPRIVILEGED)
    path = namespace.path("StatefulSet", "x", "/status")
    answer = connection.send("PATCH", path, {}, content_type=MERGE)
    assert 'cannot patch resource "statefulsets/status" in API group "apps"' in answer.json["message"]


def test_namespace_is_taken_to_be_in_itself(api: Api, namespace: Namespace):
    connection = api.connection(user=UNPRIVILEGED)
    answer = connection.send("GET", f"/api/v1/namespaces/{namespace.name}")
    assert answer.json["message"].endswith(f'in the namespace "{namespace.name}"')
    assert connection.send("GET", "/api/v1/namespaces").json["message"].endswith("at the cluster scope")


def test_anonymous_request_is_denied(namespace: Namespace):
    answer = namespace.connection.anonymous().send("GET", namespace.path("ConfigMap"))
    assert (answer.code, answer.json["reason"]) == (403, "Forbidden")
    assert 'User "system:anonymous" cannot list resource "configmaps"' in answer.json["message"]


@pytest.mark.parametrize("body", [b"{", b"", b"[]", b'"text"'])
def test_body_that_is_no_object_is_refused(namespace: Namespace, body: bytes):
    answer = namespace.connection.send("POST", namespace.path("ConfigMap"), body)
    assert (answer.code, answer.json["reason"]) == (400, "BadRequest")
    assert answer.json["message"].startswith(
        "the object provided is unrecognized (must be of type ConfigMap)"
    )


@pytest.mark.parametrize("body", [b"{", b"[]", b""])
def test_apply_that_is_no_object_is_refused(namespace: Namespace, body: bytes):
    path = namespace.path("ConfigMap", "a", "?fieldManager=alice")
    answer = namespace.connection.send("PATCH", path, body, content_type=APPLY)
    assert (answer.code, answer.json["reason"]) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "Secret"}, 'Secret in version "v1" cannot be handled as a ConfigMap'),
        ({"apiVersion": "v2"}, 'ConfigMap in version "v2" cannot be handled as a ConfigMap'),
        (
            {"metadata": {"name": "a", "namespace": "elsewhere"}},
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (
            {"data": 5},
            'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number',
        ),
        (
            {"metadata": {"name": "a", "labels": {"k": 5}}},
            'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number',
        ),
    ],
)
def test_object_that_differs_from_path_is_rejected(namespace: Namespace, change: dict, message: str):
    answer = namespace.create({**an("ConfigMap", "a"), "kind": "ConfigMap"} | {"metadata": {"name": "a"}})
    assert answer.code == 201
    path = namespace.path("ConfigMap")
    answer = namespace.connection.send("POST", path, an("ConfigMap", "a") | change)
    assert (answer.code, answer.json["reason"]) == (400, "BadRequest")
    assert answer.json["message"].startswith(message)


def test_name_that_differs_from_path_is_rejected(namespace: Namespace):
    namespace.created(an("ConfigMap", "a"))
    answer = namespace.connection.send("PUT", namespace.path("ConfigMap", "a"), an("ConfigMap", "b"))
    assert answer.code == 400
    assert answer.json["message"] == "the name of the object (b) does not match the name on the URL (a)"


def test_what_is_in_namespace_is_created_in_one(namespace: Namespace):
    answer = namespace.connection.send("POST", "/api/v1/configmaps", an("ConfigMap", "a"))
    assert (answer.code, answer.json["reason"]) == (405, "MethodNotAllowed")
