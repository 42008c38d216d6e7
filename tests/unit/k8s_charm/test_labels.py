"""Labels on the pods and the Service of an application, in a Kubernetes API over HTTP."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from lightkube import ApiError, Client, KubeConfig
from lightkube.models.apps_v1 import StatefulSetSpec
from lightkube.models.core_v1 import Container, PodSpec, PodTemplateSpec, ServicePort, ServiceSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import StatefulSet
from lightkube.resources.core_v1 import ConfigMap, Namespace, Service

from charmlibs.interfaces.service_mesh import reconcile_charm_labels
from sandbox.kubernetes import KubernetesServer

JUJU = {"app.kubernetes.io/name": "web"}
MESH = {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "w"}
MEMORY = "juju-service-mesh-web-labels"


@pytest.fixture(scope="module")
def server() -> Iterator[KubernetesServer]:
    with KubernetesServer() as server:
        yield server


@pytest.fixture
def client(server: KubernetesServer, tmp_path: Path) -> Iterator[Client]:
    """A client of a model with the application `web`, as Juju makes it."""
    kubeconfig = tmp_path / "kubeconfig"
    server.write_kubeconfig(kubeconfig)
    client = Client(KubeConfig.from_file(kubeconfig), namespace="m", field_manager="web")
    client.create(Namespace(metadata=ObjectMeta(name="m")))
    pod = PodSpec(containers=[Container(name="charm", image="charm-base:24.04")])
    template = PodTemplateSpec(metadata=ObjectMeta(labels=dict(JUJU)), spec=pod)
    spec = StatefulSetSpec(selector=LabelSelector(matchLabels=JUJU), serviceName="web", template=template)
    client.create(StatefulSet(metadata=ObjectMeta(name="web"), spec=spec))
    ports = [ServicePort(port=80)]
    client.create(Service(metadata=ObjectMeta(name="web", labels=dict(JUJU)), spec=ServiceSpec(ports=ports)))
    server.requests.clear()
    yield client
    client.delete(Namespace, "m")


def reconcile(client: Client, labels: dict[str, str], memory: str = MEMORY) -> None:
    reconcile_charm_labels(client, "web", "m", memory, labels)


def pod_labels(client: Client) -> dict[str, str]:
    spec = client.get(StatefulSet, "web").spec
    assert spec and spec.template.metadata
    return spec.template.metadata.labels or {}


def service_labels(client: Client) -> dict[str, str]:
    metadata = client.get(Service, "web").metadata
    assert metadata
    return metadata.labels or {}


def remembered(client: Client, memory: str = MEMORY) -> dict[str, str] | None:
    """The data of the ConfigMap, or None if it is not there."""
    try:
        return client.get(ConfigMap, memory).data
    except ApiError as error:
        assert error.status.code == 404
        return None


def writes(server: KubernetesServer) -> list[str]:
    return [request.method for request in server.requests if request.method != "GET"]


def test_labels_go_on_pods_and_service_and_are_remembered(client: Client):
    reconcile(client, MESH)
    assert pod_labels(client) == service_labels(client) == {**JUJU, **MESH}
    assert remembered(client) == {"labels": json.dumps(MESH)}


def test_labels_for_pods_only(client: Client, server: KubernetesServer):
    on_service = {"istio.io/dataplane-mode": "ambient"}
    for memory in (MEMORY, MEMORY):
        reconcile_charm_labels(client, "web", "m", memory, MESH, not_on_service=["istio.io/use-waypoint"])
        assert pod_labels(client) == {**JUJU, **MESH}
        assert service_labels(client) == {**JUJU, **on_service}
    assert remembered(client) == {"labels": json.dumps(MESH)}
    reconcile(client, MESH)
    assert service_labels(client) == {**JUJU, **MESH}
    reconcile_charm_labels(client, "web", "m", MEMORY, MESH, not_on_service=["istio.io/use-waypoint"])
    assert service_labels(client) == {**JUJU, **on_service}
    server.requests.clear()
    reconcile_charm_labels(client, "web", "m", MEMORY, MESH, not_on_service=["istio.io/use-waypoint"])
    assert writes(server) == []
    reconcile(client, {})
    assert pod_labels(client) == service_labels(client) == JUJU


@pytest.mark.parametrize(
    ("labels", "order"), [(MESH, "services statefulsets"), ({}, "statefulsets services")]
)
def test_the_service_joins_first_and_leaves_last(
    client: Client, server: KubernetesServer, labels: dict[str, str], order: str
):
    reconcile(client, {} if labels else MESH)
    server.requests.clear()
    reconcile(client, labels)
    written = [request.path.split("/")[-2] for request in server.requests if request.method == "PATCH"]
    kinds = [kind for kind in written if kind in ("services", "statefulsets")]
    assert [kind for kind, _ in itertools.groupby(kinds)] == order.split()


def test_nothing_is_written_when_nothing_differs(client: Client, server: KubernetesServer):
    reconcile(client, MESH)
    server.requests.clear()
    reconcile(client, dict(reversed(MESH.items())))
    assert writes(server) == []
    assert len(server.requests) == 3


def test_obsolete_labels_are_removed(client: Client):
    reconcile(client, MESH)
    reconcile(client, {"istio.io/use-waypoint": "other"})
    wanted = {"istio.io/use-waypoint": "other"}
    assert pod_labels(client) == service_labels(client) == {**JUJU, **wanted}
    assert remembered(client) == {"labels": json.dumps(wanted)}


def test_with_the_last_label_goes_memory(client: Client):
    reconcile(client, MESH)
    reconcile(client, {})
    assert pod_labels(client) == service_labels(client) == JUJU
    assert remembered(client) is None


def test_no_labels_and_no_memory_is_one_request(client: Client, server: KubernetesServer):
    reconcile(client, {})
    assert [request.method for request in server.requests] == ["GET"]


@pytest.mark.parametrize("label", [{"team": "shop"}, {"istio.io/use-waypoint": "theirs"}], ids=str)
def test_label_of_another_client_stays(client: Client, label: dict[str, str]):
    reconcile(client, MESH)
    client.patch(Service, "web", {"metadata": {"labels": label}})
    reconcile(client, {})
    assert service_labels(client) == {**JUJU, **label}


def test_label_taken_away_by_hand_comes_back(client: Client):
    reconcile(client, MESH)
    client.patch(Service, "web", {"metadata": {"labels": {"istio.io/use-waypoint": None}}})
    reconcile(client, MESH)
    assert service_labels(client) == {**JUJU, **MESH}


def test_two_callers_keep_each_others_labels(client: Client):
    reconcile(client, MESH)
    reconcile(client, {"app.kubernetes.io/part-of": "loki"}, memory="web-pod-labels")
    reconcile(client, {})
    assert pod_labels(client) == {**JUJU, "app.kubernetes.io/part-of": "loki"}


def test_record_of_the_published_library_is_read(client: Client):
    reconcile(client, MESH)
    client.patch(ConfigMap, MEMORY, {"data": {"labels": json.dumps(MESH), "other": "x"}})
    reconcile(client, {})
    assert pod_labels(client) == JUJU


@pytest.mark.parametrize("pending", ['{"a": "b"}', '[{"c": "d"}, {"a": "b"}]'])
def test_what_another_call_was_about_to_set_is_understood(client: Client, pending: str):
    """The first is the record of an older revision."""
    reconcile(client, MESH)
    client.patch(ConfigMap, MEMORY, {"data": {"pending": pending}})
    client.patch(Service, "web", {"metadata": {"labels": {"a": "b"}}})
    reconcile(client, MESH)
    assert service_labels(client) == {**JUJU, **MESH}
    assert remembered(client) == {"labels": json.dumps(MESH)}


@pytest.mark.parametrize("text", ["{", "[]", "null", "[" * 10_000])
def test_invalid_record_removes_nothing_and_is_repaired(client: Client, text: str):
    reconcile(client, MESH)
    client.patch(ConfigMap, MEMORY, {"data": {"labels": text}})
    reconcile(client, {"a": "b"})
    assert pod_labels(client) == {**JUJU, **MESH, "a": "b"}
    assert remembered(client) == {"labels": '{"a": "b"}'}


class DiesAtWrite(Client):
    """A client whose unit ends at a certain write: before it, or after it but before the answer."""

    def __init__(self, client: Client, at: int, after: bool):
        self._alive, self._left, self._after = client, at, after

    def __getattribute__(self, name: str):
        if name not in ("create", "patch", "delete"):
            own = name.startswith("_")
            return object.__getattribute__(self, name) if own else getattr(self._alive, name)

        def write(*args: object, **kwargs: object):
            self._left -= 1
            if self._left == 0 and not self._after:
                raise SystemExit
            result = getattr(self._alive, name)(*args, **kwargs)
            if self._left == 0:
                raise SystemExit
            return result

        return write


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("was", "dying", "then"),
    [
        ({}, MESH, {}),
        ({}, MESH, MESH),
        (MESH, {"istio.io/use-waypoint": "other"}, {}),
        (MESH, {"istio.io/use-waypoint": "other"}, MESH),
        (MESH, {}, {}),
        (MESH, {"a": "b"}, {"c": "d"}),
    ],
)
def test_interrupted_call_is_completed_by_the_next(
    client: Client, was: dict[str, str], dying: dict[str, str], then: dict[str, str], after: bool
):
    deaths = 0
    for write in itertools.count(1):
        reconcile(client, was)
        try:
            reconcile(DiesAtWrite(client, write, after), dying)
        except SystemExit:
            deaths += 1
        else:
            break
        reconcile(client, then)
        assert pod_labels(client) == service_labels(client) == {**JUJU, **then}
        reconcile(client, {})
        assert pod_labels(client) == service_labels(client) == JUJU
        assert remembered(client) is None
    assert deaths >= 3


def through(client: Client, write: int, labels: dict[str, str]) -> bool:
    """Return whether a call succeeds that would end before this write."""
    try:
        reconcile(DiesAtWrite(client, write, after=False), labels)
    except SystemExit:
        return False
    return True


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"istio.io/use-waypoint": "other"}, MESH),
        ({"istio.io/use-waypoint": "other"}, {"istio.io/use-waypoint": "third"}),
        ({"a": "b"}, {"c": "d"}),
    ],
)
def test_call_that_reverted_and_failed_is_completed(
    client: Client, first: dict[str, str], second: dict[str, str]
):
    """All labels that either may have set are recorded until they are correct."""
    for write in itertools.count(1):
        for later in itertools.count(1):
            reconcile(client, MESH)
            all_through = through(client, write, first)
            second_through = through(client, later, second)
            reconcile(client, {})
            assert pod_labels(client) == service_labels(client) == JUJU
            assert remembered(client) is None
            if second_through:
                break
        if all_through:
            assert write > 3
            return


def test_application_that_is_removed_needs_no_labels_removed(client: Client):
    reconcile(client, MESH)
    client.delete(StatefulSet, "web")
    reconcile(client, {})
    assert remembered(client) is None


def test_application_that_is_not_there_cannot_be_labelled(client: Client):
    client.delete(StatefulSet, "web")
    with pytest.raises(ApiError, match="web"):
        reconcile(client, MESH)
