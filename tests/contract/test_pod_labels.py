"""Labels on running pods: no pod is replaced for them, whatever happens meanwhile."""

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from lightkube import Client, KubeConfig
from lightkube.core import exceptions

from charmlibs.interfaces.service_mesh import reconcile_charm_labels
from k8s_charm import Deadline
from sandbox.control_plane import (
    GARBAGE,
    STATEFUL_SETS,
    ControllerManager,
    NotAvailableError,
    StartedKubernetes,
)
from sandbox.kubernetes import KubernetesServer
from tests.support.kubernetes_api import STRATEGIC, Api, Namespace, stateful_set

NAME = "app"
NOTE = "app-labels"
MESH: dict[str, str] = {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "w"}
JUJU = {"app": "app"}
USER = "charm"
REFRESHED = {"metadata": {"annotations": {"app.juju.is/charm-modified-version": "1"}}}


@pytest.fixture(scope="module")
def cluster() -> Iterator[StartedKubernetes | KubernetesServer]:
    """An API with the controllers of StatefulSets and of garbage collection."""
    if os.environ.get("CONTROL_PLANE") == "real":
        try:
            with StartedKubernetes(USER) as real, ControllerManager(real, STATEFUL_SETS, GARBAGE):
                yield real
        except NotAvailableError as missing:
            pytest.skip(str(missing))
    else:
        with KubernetesServer() as stand_in:
            yield stand_in


@pytest.fixture(scope="module")
def api(cluster: StartedKubernetes | KubernetesServer, tmp_path_factory: pytest.TempPathFactory) -> Api:
    return Api(cluster.write_kubeconfig, USER, tmp_path_factory.mktemp("kubeconfigs"))


_NUMBERS = itertools.count()


@dataclass
class Application:
    """An application as Juju makes it; pods become Ready when `settle` is called."""

    namespace: Namespace
    broken: set[str] = field(default_factory=set[str])
    """The pods that never become Ready."""

    @classmethod
    def create(cls, api: Api, replicas: int = 2) -> "Application":
        connection = api.connection()
        name = f"model-{next(_NUMBERS)}"
        connection.must("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        app = cls(Namespace(api, connection, name))
        parallel = {"replicas": replicas, "podManagementPolicy": "Parallel"}
        app.namespace.created(stateful_set(NAME, **parallel))
        ports = {"selector": JUJU, "ports": [{"name": "http", "port": 80}]}
        service = {"kind": "Service", "apiVersion": "v1", "metadata": {"name": NAME}, "spec": ports}
        app.namespace.created(service)
        app.settle()
        return app

    def pods(self) -> list[dict[str, Any]]:
        return self.namespace.connection.must("GET", self.namespace.path("Pod"))["items"]

    def uids(self) -> dict[str, str]:
        return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in self.pods()}

    def labels(self) -> list[dict[str, str]]:
        """The labels of each pod, without those of Kubernetes."""
        return [
            {
                key: value
                for key, value in pod["metadata"]["labels"].items()
                if not key.startswith(("controller-revision-hash", "statefulset.kubernetes.io/", "apps.k"))
            }
            for pod in self.pods()
        ]

    def stateful_set(self) -> dict[str, Any]:
        return self.namespace.get("StatefulSet", NAME)

    def patch(self, spec: dict[str, Any]) -> None:
        """Do as Juju does."""
        self.namespace.patched("StatefulSet", NAME, {"spec": spec}, STRATEGIC)

    def annotate(self, note: str | None) -> None:
        """Write the record of a held rollout."""
        patch = {"metadata": {"annotations": {"charms.canonical.com/held-rollout": note}}}
        self.namespace.patched("StatefulSet", NAME, patch, STRATEGIC)

    def settle(self) -> None:
        """Wait for the controllers, and make pods Ready."""
        for _ in range(400):
            ready = {"type": "Ready", "status": "True"}
            for pod in self.pods():
                if not is_ready(pod) and pod["metadata"]["name"] not in self.broken:
                    status = {"status": {"phase": "Running", "conditions": [ready]}}
                    self.namespace.patch("Pod", pod["metadata"]["name"], status, STRATEGIC, sub="/status")
            if self._at_rest():
                return
            time.sleep(0.02)
        raise AssertionError(self.stateful_set()["status"])

    def _at_rest(self) -> bool:
        found, pods = self.stateful_set(), self.pods()
        status, wanted = found["status"], found["spec"]["replicas"]
        seen = status.get("observedGeneration") == found["metadata"]["generation"]
        if not seen or len(pods) != wanted or status["replicas"] != wanted:
            return False
        if any(pod["metadata"]["name"] in self.broken for pod in pods):
            return True
        return all(map(is_ready, pods)) and status.get("updatedReplicas", 0) == wanted

    def partition(self) -> int:
        return self.stateful_set()["spec"]["updateStrategy"]["rollingUpdate"]["partition"]

    def refresh(self) -> None:
        self.patch({"template": REFRESHED})

    def revisions(self) -> set[str]:
        """The revisions of the charm that pods are of."""
        found = [pod["metadata"].get("annotations", {}) for pod in self.pods()]
        return {each.get("app.juju.is/charm-modified-version", "0") for each in found}

    def is_held(self) -> bool:
        return bool(self.stateful_set()["metadata"].get("annotations")) or self.partition() != 0


def is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


@pytest.fixture
def app(api: Api) -> Application:
    return Application.create(api)


def client_of(app: Application, user: str = "admin") -> Client:
    config = KubeConfig.from_file(app.namespace.api.kubeconfig(user=user, namespace=app.namespace.name))
    return Client(config, field_manager="charm")  # type: ignore[arg-type]


def label(
    app: Application, labels: dict[str, str], client: Client | None = None, deadline: Deadline | None = None
) -> None:
    reconcile_charm_labels(
        client or client_of(app), NAME, app.namespace.name, NOTE, labels, deadline=deadline
    )


def settled(app: Application, labels: dict[str, str], uids: dict[str, str]) -> None:
    """Check that all pods have the labels, that they are the same pods, and that no rollout is held."""
    app.settle()
    assert app.labels() == [{**JUJU, **labels}] * len(app.pods())
    assert app.uids() == uids
    assert not app.is_held()


def test_joining_and_leaving_replace_no_pod(app: Application):
    uids = app.uids()
    label(app, MESH)
    settled(app, MESH, uids)
    label(app, {})
    settled(app, {}, uids)


def test_pod_that_comes_back_has_labels(app: Application):
    label(app, MESH)
    app.settle()
    app.namespace.connection.must("DELETE", app.namespace.path("Pod", "app-0"))
    app.settle()
    assert app.labels() == [{**JUJU, **MESH}] * 2


@pytest.mark.parametrize("value", [None, "none"])
def test_label_changed_by_hand_comes_back(app: Application, value: str | None):
    label(app, MESH)
    app.settle()
    uids = app.uids()
    key = next(iter(MESH))
    app.namespace.patched("Pod", "app-1", {"metadata": {"labels": {key: value, "own": "x"}}}, STRATEGIC)
    label(app, MESH)
    assert app.labels()[1].get(key) == value
    reconcile_charm_labels(client_of(app), NAME, app.namespace.name, NOTE, MESH, with_pods=True)
    assert app.labels() == [{**JUJU, **MESH}, {**JUJU, **MESH, "own": "x"}]
    assert app.uids() == uids


def test_labels_of_an_older_template_are_not_restored(app: Application):
    app.patch({"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}})
    app.settle()
    app.refresh()
    client = client_of(app)
    reconcile_charm_labels(client, NAME, app.namespace.name, NOTE, MESH)
    before = app.labels()
    reconcile_charm_labels(client, NAME, app.namespace.name, NOTE, MESH, with_pods=True)
    assert app.labels() == before == [JUJU] * 2


def test_another_change_of_template_replaces_each_pod_once(app: Application):
    uids = app.uids()
    client, resources = client_of(app), {"requests": {"cpu": "50m"}}
    rest = {"spec": {"containers": [{"name": "charm", "resources": resources}]}}
    before = app.stateful_set()["metadata"]["generation"]
    reconcile_charm_labels(client, NAME, app.namespace.name, NOTE, MESH, rest=lambda _: rest)
    assert app.stateful_set()["metadata"]["generation"] == before + 1
    app.settle()
    assert app.labels() == [{**JUJU, **MESH}] * 2
    assert not set(uids.values()) & set(app.uids().values())
    assert not app.is_held()


class Interrupted:
    """A client that runs a function before one of its requests, or before all from one on."""

    def __init__(self, app: Application, number: int, event: Callable[[], None], *, lasting: bool = False):
        self._client = client_of(app)
        self._number = number
        self._event = event
        self._lasting = lasting
        self.requests = 0

    def __getattr__(self, verb: str) -> Any:
        def send(*args: Any, **options: Any) -> Any:
            self.requests += 1
            if self.requests == self._number or (self._lasting and self.requests > self._number):
                self._event()
            return getattr(self._client, verb)(*args, **options)

        return send

    @property
    def happened(self) -> bool:
        return self.requests >= self._number


def die() -> None:
    raise SystemExit


def time_out() -> None:
    raise exceptions.httpx.ReadTimeout("the hook has no time left")  # pyright: ignore[reportPrivateImportUsage]


def each_request(
    api: Api,
    first: dict[str, str],
    then: dict[str, str],
    event: Callable[[Application], None],
    **options: bool,
) -> Iterator[tuple[Application, dict[str, str]]]:
    """Label new applications, while something happens before the first request, the second and so on."""
    for number in itertools.count(1):
        app = Application.create(api)
        label(app, first)
        app.settle()
        uids = app.uids()
        client = Interrupted(app, number, lambda app=app: event(app), **options)
        with contextlib.suppress(SystemExit, exceptions.httpx.HTTPError):  # pyright: ignore[reportPrivateImportUsage]
            label(app, then, cast("Client", client))
        if not client.happened:
            assert number > 10
            return
        yield app, uids


@pytest.mark.parametrize(("first", "then"), [({}, MESH), (MESH, {}), (MESH, {"istio.io/use-waypoint": "v"})])
@pytest.mark.parametrize("end", [die, time_out])
def test_the_next_leader_ends_what_one_has_begun(
    api: Api, end: Callable[[], None], first: dict[str, str], then: dict[str, str]
):
    for app, uids in each_request(api, first, then, lambda _: end(), lasting=True):
        label(app, then)
        settled(app, then, uids)


def test_reverted_change_after_failure_replaces_no_pod(api: Api):
    for app, uids in each_request(api, {}, MESH, lambda _: die()):
        label(app, {"a": "b"})
        settled(app, {"a": "b"}, uids)


@pytest.mark.parametrize(("first", "then"), [({}, MESH), (MESH, {})])
def test_refresh_meanwhile_reaches_every_pod(api: Api, first: dict[str, str], then: dict[str, str]):
    for app, uids in each_request(api, first, then, Application.refresh):
        app.settle()
        assert app.revisions() == {"1"}
        assert app.labels() == [{**JUJU, **then}] * 2
        assert not set(uids.values()) & set(app.uids().values())
        assert not app.is_held()


@pytest.mark.parametrize("replicas", [1, 3])
def test_scaling_meanwhile_replaces_no_pod(api: Api, replicas: int):
    for app, uids in each_request(api, {}, MESH, lambda app: app.patch({"replicas": replicas})):
        app.settle()
        stayed = uids.keys() & app.uids().keys()
        assert app.labels() == [{**JUJU, **MESH}] * replicas
        assert {name: app.uids()[name] for name in stayed} == {name: uids[name] for name in stayed}
        assert not app.is_held()


def allow_all_but(cluster: StartedKubernetes | KubernetesServer, namespace: Namespace, denied: str) -> None:
    """Allow the charm all requests except those about one kind of object."""
    if isinstance(cluster, KubernetesServer):
        cluster.access.deny(users=[USER], resources=[denied])
        return
    allowed = {"": ["configmaps", "services", "pods"], "apps": ["statefulsets", "controllerrevisions"]}
    rules = [
        {"apiGroups": [group], "resources": [one for one in resources if one != denied], "verbs": ["*"]}
        for group, resources in allowed.items()
    ]
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace.name}"
    namespace.connection.must("POST", f"{path}/roles", {"metadata": {"name": "most"}, "rules": rules})
    group = "rbac.authorization.k8s.io"
    binding = {
        "metadata": {"name": "most"},
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "most"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": USER}],
    }
    namespace.connection.must("POST", f"{path}/rolebindings", binding)


@pytest.mark.parametrize("denied", ["pods", "controllerrevisions"])
def test_without_permission_pods_are_replaced(
    cluster: StartedKubernetes | KubernetesServer, app: Application, denied: str
):
    allow_all_but(cluster, app.namespace, denied)
    uids = app.uids()
    label(app, MESH, client_of(app, USER))
    app.settle()
    assert app.labels() == [{**JUJU, **MESH}] * 2
    assert not set(uids.values()) & set(app.uids().values())
    assert not app.is_held()


@pytest.mark.parametrize("pod", ["app-0", "app-1"])
def test_only_pod_that_is_not_ready_is_replaced(app: Application, pod: str):
    app.broken.add(pod)
    not_ready = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    app.namespace.patched("Pod", pod, not_ready, STRATEGIC, sub="/status")
    uids = app.uids()
    label(app, MESH)
    app.broken.clear()
    app.settle()
    assert app.labels() == [{**JUJU, **MESH}] * 2
    assert {name for name, uid in app.uids().items() if uids[name] != uid} == {pod}
    assert not app.is_held()


def test_pods_of_another_revision_are_left_to_be_replaced(app: Application):
    app.refresh()
    uids = app.uids()
    label(app, MESH)
    app.settle()
    assert app.labels() == [{**JUJU, **MESH}] * 2
    assert app.revisions() == {"1"}
    assert not set(uids.values()) & set(app.uids().values())


def test_partition_of_another_owner_stays(app: Application):
    app.patch({"updateStrategy": {"rollingUpdate": {"partition": 1}}})
    uids = app.uids()
    label(app, MESH)
    app.settle()
    assert app.labels() == [{**JUJU, **MESH}] * 2
    assert app.uids() == uids
    assert app.partition() == 1


@pytest.mark.parametrize("note", [None, '{"partition": 0, "labels": []}'])
def test_pods_that_kubernetes_does_not_replace_join_and_leave(app: Application, note: str | None):
    app.patch({"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}})
    app.annotate(note)
    uids = app.uids()
    for labels in (MESH, {}):
        label(app, labels)
        assert app.labels() == [{**JUJU, **labels}] * 2
        assert app.uids() == uids
        assert not app.stateful_set()["metadata"].get("annotations")


@pytest.mark.parametrize("partition", ["1e999", "99999999999", "-1", "0.5", "true", "[" * 10_000])
def test_edited_note_holds_nothing(app: Application, partition: str):
    app.annotate(f'{{"partition": {partition}, "labels": []}}')
    uids = app.uids()
    label(app, MESH)
    settled(app, MESH, uids)


def test_what_remembers_labels_goes_with_application(app: Application):
    label(app, MESH)
    app.namespace.connection.must("DELETE", app.namespace.path("Service", NAME))
    until = time.monotonic() + 20
    while app.namespace.connection.send("GET", app.namespace.path("ConfigMap", NOTE)).code != 404:
        assert time.monotonic() < until
        time.sleep(0.1)
