"""A cluster's objects changed by hand, and objects of others with similar names."""

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import StatefulSet
from lightkube.resources.core_v1 import ConfigMap, Service
from lightkube.types import PatchType

from istio_policies import AuthorizationPolicy
from k8s_charm import Json, manifest
from tests.scenario.coordinator.field_cluster import APP, MODEL, Cluster, mesh, store, workers

pytestmark = pytest.mark.kubernetes

NO_MESH = {"istio.io/dataplane-mode": None, "app.kubernetes.io/part-of": "other"}
NOTE = f"{APP}-pod-labels"


def everything(cluster: Cluster) -> list[Json]:
    """Return all objects that the coordinator writes, whole or in part."""
    found = [
        *cluster.client.list(AuthorizationPolicy, namespace=MODEL.name),
        cluster.client.get(ConfigMap, NOTE, namespace=MODEL.name),
        cluster.client.get(StatefulSet, APP, namespace=MODEL.name),
        cluster.client.get(Service, APP, namespace=MODEL.name),
    ]
    plain = [manifest(each) for each in found]
    return [
        {key: each.get(key) for key in ("spec", "data")} | {"labels": each["metadata"].get("labels")}
        for each in plain
    ]


def edit(cluster: Cluster, what: str) -> None:
    def patch(kind: type, name: str, change: Json) -> None:
        cluster.client.patch(kind, name, change, namespace=MODEL.name, patch_type=PatchType.MERGE)  # type: ignore[arg-type]

    match what:
        case "who may" | "policies' labels":
            change = {"spec": {"rules": [{}]}} if what == "who may" else {"metadata": {"labels": None}}
            for each in cluster.client.list(AuthorizationPolicy, namespace=MODEL.name):
                patch(AuthorizationPolicy, manifest(each)["metadata"]["name"], change)
        case "pods' labels":
            patch(StatefulSet, APP, {"spec": {"template": {"metadata": {"labels": NO_MESH}}}})
        case "Service's labels":
            patch(Service, APP, {"metadata": {"labels": NO_MESH}})
        case "a container's memory":
            template = manifest(cluster.client.get(StatefulSet, APP, namespace=MODEL.name))["spec"][
                "template"
            ]
            (nginx,) = [each for each in template["spec"]["containers"] if each["name"] == "nginx"]
            nginx["resources"]["requests"] = {"memory": "1Gi"}
            patch(StatefulSet, APP, {"spec": {"template": {"spec": template["spec"]}}})
        case _:
            patch(ConfigMap, NOTE, {"data": {"labels": "{}"}})


@pytest.mark.parametrize(
    "what",
    ["who may", "policies' labels", "pods' labels", "Service's labels", "a container's memory", "note"],
)
def test_is_corrected_by_the_next_hook(cluster: Cluster, what: str):
    relations = mesh(), workers(), store()
    cluster.run(*relations)
    before = everything(cluster)
    edit(cluster, what)
    assert everything(cluster) != before
    cluster.run(*relations)
    assert everything(cluster) == before


def test_foreign_configmap_of_our_name_stays(cluster: Cluster):
    theirs = ConfigMap(metadata=ObjectMeta(name=NOTE, namespace=MODEL.name), data={"theirs": "yes"})
    cluster.client.create(theirs)
    relations = mesh(), workers(units=2), store()
    status = cluster.run(*relations).unit_status
    assert status.name == "blocked"
    assert NOTE in status.message
    cluster.run(*relations, event="remove", planned_units=0, leader=False)
    assert cluster.client.get(ConfigMap, NOTE, namespace=MODEL.name).data == {"theirs": "yes"}


def test_foreign_policy_of_our_name_stays(cluster: Cluster):
    relations = mesh(), workers(units=2), store()
    cluster.run(*relations)
    (one, *_) = cluster.server.store.objects("AuthorizationPolicy")
    name = one["metadata"]["name"]
    cluster.client.delete(AuthorizationPolicy, name, namespace=MODEL.name)
    sent = {"action": "DENY", "rules": [{}]}
    theirs = AuthorizationPolicy.from_dict({"metadata": {"name": name}, "spec": sent})
    cluster.client.create(theirs, namespace=MODEL.name)
    for _ in range(2):
        status = cluster.run(*relations).unit_status
        assert status.name == "blocked"
        assert ": already managed by " in status.message
        assert any(name in line.message for line in cluster.context.juju_log)
    cluster.run(*relations, event="remove", planned_units=0, leader=False)
    found = cluster.client.get(AuthorizationPolicy, name, namespace=MODEL.name)
    assert manifest(found)["spec"] == sent
