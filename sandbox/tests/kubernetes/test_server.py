"""The server of the API: its kubeconfig, its log, its latency, its permissions, and its speed."""

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from lightkube import ApiError, Client, KubeConfig
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Secret

from sandbox.kubernetes import KubernetesServer, ObjectStore

AuthorizationPolicy = create_namespaced_resource(
    "security.istio.io", "v1", "AuthorizationPolicy", "authorizationpolicies"
)


def config_map(name: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name), data=data)


def send(kubernetes: KubernetesServer, path: str) -> dict[str, Any]:
    """Return the API's answer to a GET, an error included."""
    connection = http.client.HTTPConnection(urlsplit(kubernetes.url).netloc, timeout=5)
    connection.request("GET", path, headers={"Authorization": "Bearer admin"})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def test_server_runs_inside_its_context(tmp_path: Path):
    with KubernetesServer() as server:
        config = KubeConfig.from_file(server.write_kubeconfig(tmp_path / "kubeconfig", namespace="default"))
        assert list(Client(config).list(ConfigMap)) == []  # type: ignore[arg-type]
    with pytest.raises(Exception, match="refused"):
        Client(config).get(ConfigMap, "a")  # type: ignore[arg-type]


def test_two_servers_know_nothing_of_each_other(tmp_path: Path):
    with KubernetesServer() as one, KubernetesServer() as other:
        assert one.url != other.url
        one.store.create("ConfigMap", {"metadata": {"name": "a"}}, namespace="default")
        assert other.store.objects("ConfigMap") == []


def test_requests_are_logged(kubernetes: KubernetesServer, client: Client):
    client.create(config_map("a"))
    list(client.list(ConfigMap, namespace="*", labels={"a": "b"}))
    assert kubernetes.requests == [
        ("POST", "/api/v1/namespaces/m/configmaps"),
        ("GET", "/api/v1/configmaps"),
    ]
    kubernetes.requests.clear()
    client.get(ConfigMap, "a")
    assert [request.method for request in kubernetes.requests] == ["GET"]


def test_refused_request_is_logged_as_well(kubernetes: KubernetesServer, client: Client):
    with pytest.raises(ApiError):
        client.get(ConfigMap, "nobody")
    assert len(kubernetes.requests) == 1


def test_each_request_takes_the_set_time(kubernetes: KubernetesServer, client: Client):
    kubernetes.latency = 0.1
    began = time.monotonic()
    list(client.list(ConfigMap))
    assert time.monotonic() - began >= 0.1


def test_requests_wait_side_by_side(kubernetes: KubernetesServer, client: Client):
    kubernetes.latency = 0.3
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: client.create(config_map(f"a{number}")), range(8)))
    assert time.monotonic() - began < 8 * 0.3


def test_tokens_name_users_and_users_can_be_denied(kubernetes: KubernetesServer, connect):
    denial = kubernetes.access.deny(users=["app"], verbs=["list", "patch"], resources=["configmaps"])
    app, admin = connect("app"), connect("admin")
    admin.create(config_map("a"))
    assert app.get(ConfigMap, "a").data is None
    assert list(app.list(Secret)) == []
    assert len(list(admin.list(ConfigMap))) == 1
    with pytest.raises(ApiError) as refusal:
        list(app.list(ConfigMap))
    assert refusal.value.status.code == 403
    kubernetes.access.restore(denial)
    assert len(list(app.list(ConfigMap))) == 1


@pytest.mark.parametrize("requested", ["true", "1", "TRUE", ""])
def test_watch_is_refused(kubernetes: KubernetesServer, requested: str):
    path = "/api/v1/namespaces/m/configmaps"
    answer = send(kubernetes, f"{path}?watch={requested}")
    assert answer["code"] == 501
    assert "configmaps: the stand-in for Kubernetes does not watch" in answer["message"]
    assert send(kubernetes, f"{path}?watch=false")["kind"] == "ConfigMapList"
    kubernetes.access.deny(verbs=["watch"])
    assert send(kubernetes, f"{path}?watch={requested}")["code"] == 403
    assert send(kubernetes, path)["kind"] == "ConfigMapList"


def test_watching_client_is_notified_at_once(client: Client):
    with pytest.raises(Exception, match="501"):
        next(iter(client.watch(ConfigMap)))


def test_namespace_can_be_denied_alone(kubernetes: KubernetesServer, client: Client):
    kubernetes.access.deny(namespaces=["m"])
    with pytest.raises(ApiError):
        client.get(ConfigMap, "a")
    assert list(client.list(ConfigMap, namespace="default")) == []
    kubernetes.access.restore()
    assert list(client.list(ConfigMap)) == []


def test_deleted_definition_deletes_its_objects(store: ObjectStore, client: Client):
    client.create(AuthorizationPolicy(metadata={"name": "a"}))
    store.uninstall_custom_resources("security.istio.io")
    with pytest.raises(Exception, match="404") as error:
        list(client.list(AuthorizationPolicy))
    assert not isinstance(error.value, ApiError)
    store.install_custom_resources()
    assert list(client.list(AuthorizationPolicy)) == []


def test_server_can_start_without_definitions():
    store = ObjectStore(custom_resources=False)
    assert store.objects("CustomResourceDefinition") == []
    store.install_custom_resources("gateway.networking.k8s.io")
    groups = {each["spec"]["group"] for each in store.objects("CustomResourceDefinition")}
    assert groups == {"gateway.networking.k8s.io"}


def test_reset_forgets_objects_but_never_uses_version_twice(store: ObjectStore):
    before = store.create("ConfigMap", {"metadata": {"name": "a"}}, namespace="m")
    store.reset()
    assert store.objects("ConfigMap") == []
    store.create("Namespace", {"metadata": {"name": "m"}})
    after = store.create("ConfigMap", {"metadata": {"name": "a"}}, namespace="m")
    assert int(after["metadata"]["resourceVersion"]) > int(before["metadata"]["resourceVersion"])


def test_what_store_hands_out_is_not_its_own(store: ObjectStore):
    store.create("ConfigMap", {"metadata": {"name": "a"}, "data": {"x": "1"}}, namespace="m")
    store.get("ConfigMap", "m", "a")["data"]["x"] = "2"
    store.objects("ConfigMap")[0]["data"]["x"] = "2"
    assert store.get("ConfigMap", "m", "a")["data"] == {"x": "1"}


def test_changes_can_be_observed(store: ObjectStore):
    seen: list[tuple[bool, bool]] = []
    stop = store.observe(lambda change: seen.append((change.old is not None, change.new is not None)))
    store.create("ConfigMap", {"metadata": {"name": "a"}}, namespace="m")
    store.patch("ConfigMap", "m", "a", lambda obj: obj | {"data": {"x": "1"}})
    store.patch("ConfigMap", "m", "a", lambda obj: obj)
    store.delete("ConfigMap", "m", "a")
    stop()
    store.create("ConfigMap", {"metadata": {"name": "a"}}, namespace="m")
    assert seen == [(False, True), (True, True), (True, False)]


def test_thousand_policies_are_listed_fast(store: ObjectStore):
    for number in range(1000):
        policy = {
            "metadata": {"name": f"p{number}", "labels": {"app": "beacon"}},
            "spec": {"targetRefs": [{"kind": "Service", "name": "a"}], "rules": [{}]},
        }
        store.create("AuthorizationPolicy", policy, namespace="m")
    kind = store.kind("AuthorizationPolicy")
    began = time.process_time()
    page = store.page(kind, "", labels="app=beacon")
    assert time.process_time() - began < 0.1
    assert len(page.items) == 1000
