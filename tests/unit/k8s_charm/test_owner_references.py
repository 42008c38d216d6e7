"""Objects that are deleted with the application that owns them, without any hook."""

from collections.abc import Iterable
from typing import Any

import pytest
from lightkube import Client
from lightkube.models.core_v1 import ServicePort, ServiceSpec
from lightkube.models.meta_v1 import ObjectMeta, OwnerReference
from lightkube.resources.core_v1 import ConfigMap, Namespace, Service
from lightkube.types import PatchType

from k8s_charm import OWNER as OWNER_MARK
from k8s_charm import Deadline, Owner, ReconcileResult, apply, list_owned, plan
from sandbox.kubernetes import KubernetesServer

OWNER = Owner("web", "m")
LABELS = OWNER.labels("test")


@pytest.fixture(autouse=True)
def application(client: Client) -> None:
    """Create the Service of the application, as Juju does, and another namespace."""
    client.create(Namespace(metadata=ObjectMeta(name="elsewhere")))
    spec = ServiceSpec(ports=[ServicePort(port=80)])
    client.create(Service(metadata=ObjectMeta(name="web", namespace="m"), spec=spec))


def config(name: str, namespace: str = "m", **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace=namespace), data=data)


def write(client: Client, *desired: ConfigMap) -> ReconcileResult:
    live = list_owned(client, [ConfigMap], LABELS, OWNER, Deadline())
    return apply(client, plan(live, desired), Deadline())


def referring(kubernetes: KubernetesServer) -> list[str]:
    """The names of the objects with a reference to the Service as it is now."""
    [service] = kubernetes.store.objects("Service", "m")
    uid = service["metadata"]["uid"]
    found: list[str] = []
    for each in kubernetes.store.objects("ConfigMap"):
        references: Iterable[dict[str, str]] = each["metadata"].get("ownerReferences", ())
        if [reference["uid"] for reference in references] == [uid]:
            found.append(each["metadata"]["name"])
    return sorted(found)


def test_objects_go_with_service_of_application(client: Client, kubernetes: KubernetesServer):
    write(client, config("a"), config("b"))
    assert referring(kubernetes) == ["a", "b"]
    kubernetes.store.delete("Service", "m", "web")
    assert kubernetes.store.objects("ConfigMap") == []


def test_objects_of_other_namespaces_refer_to_nothing(client: Client, kubernetes: KubernetesServer):
    write(client, config("a"), config("b", "elsewhere"))
    assert referring(kubernetes) == ["a"]


def marked(name: str, namespace: str = "m", **changed: Any) -> ConfigMap:
    """An object that carries the labels and the annotation of the owner, but for what is changed."""
    own = {"labels": LABELS, "annotations": {OWNER_MARK: OWNER.mark}, **changed}
    return ConfigMap(metadata=ObjectMeta(name=name, namespace=namespace, **own))


@pytest.mark.parametrize(
    ("namespace", "kind", "name"),
    [("elsewhere", "Service", "web"), ("m", "ConfigMap", "web"), ("m", "Service", "a")],
    ids=["another namespace", "another kind", "another name"],
)
def test_other_reference_names_no_owner(
    client: Client, kubernetes: KubernetesServer, namespace: str, kind: str, name: str
):
    reference = OwnerReference(apiVersion="v1", kind=kind, name=name, uid="of-nothing")
    client.create(marked("a", namespace, ownerReferences=[reference]))
    write(client, config("b"))
    assert referring(kubernetes) == ["b"]


ONE, OTHER = LABELS


@pytest.mark.parametrize(
    ("changed", "is_ours"),
    [
        ({"labels": {ONE: None, OTHER: None}}, True),
        ({"labels": {ONE: None}, "annotations": None}, True),
        ({"labels": None, "annotations": None}, False),
        ({"labels": {ONE: None}, "annotations": {OWNER_MARK: "m.other"}}, False),
    ],
    ids=["by annotation", "by one label", "by nothing", "annotation of another"],
)
def test_object_whose_labels_changed_is_written_by_its_owner(
    client: Client, changed: dict[str, Any], is_ours: bool
):
    write(client, config("a", a="before"))
    client.patch(ConfigMap, "a", {"metadata": changed}, namespace="m", patch_type=PatchType.MERGE)
    result = write(client, config("a", a="after"))
    assert [failure.ref.name for failure in result.failed] == ([] if is_ours else ["a"])
    assert client.get(ConfigMap, "a", namespace="m").data == {"a": "after" if is_ours else "before"}


def test_service_is_requested_once(client: Client, kubernetes: KubernetesServer):
    write(client, config("a"))
    kubernetes.requests.clear()
    write(client, config("a"))
    write(client, config("a"), config("b"))
    assert not [each for each in kubernetes.requests if each.path.endswith("/services/web")]
    assert referring(kubernetes) == ["a", "b"]


def test_older_objects_get_owner_with_the_next_change(client: Client, kubernetes: KubernetesServer):
    [service] = kubernetes.store.objects("Service", "m")
    kubernetes.store.delete("Service", "m", "web")
    write(client, config("a"), config("b"))
    assert [each["metadata"].get("ownerReferences") for each in kubernetes.store.objects("ConfigMap")] == [
        None
    ] * 2
    kubernetes.store.create("Service", service, namespace="m")
    write(client, config("a", x="y"), config("b"))
    write(client, config("a", x="y"), config("b"))
    assert referring(kubernetes) == ["a", "b"]
    assert not write(client, config("a", x="y"), config("b")).changed
