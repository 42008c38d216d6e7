"""The stand-in and the real API server give the same answers to random requests."""

import difflib
import itertools
import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.control_plane import ApiAnswer, Connection, NotAvailableError, StartedKubernetes
from sandbox.kubernetes import KubernetesServer
from tests.support.kubernetes_api import APPLY, MERGE, STRATEGIC, Namespace, an

pytestmark = pytest.mark.fidelity

NAME = "app"
RUN = uuid.uuid4().hex[:8]
NUMBERS = itertools.count()


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with any of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


VALUE = st.sampled_from(["1", "2"])
# Never empty: the real server records only the presence of an empty map in the metadata of a custom resource,
# and writes the object at each request that sends one.
LABELS = some(a=VALUE, b=VALUE, c=VALUE).filter(bool)
PORT = st.fixed_dictionaries(
    {"name": st.sampled_from(["x", "y"]), "port": st.sampled_from([80, 81])},
    optional={"protocol": st.sampled_from(["TCP", "UDP"]), "targetPort": st.sampled_from([80, 8080])},
)
CONTAINER = st.fixed_dictionaries(
    {"name": st.sampled_from(["c", "d"])},
    optional={
        "image": st.sampled_from(["i:1", "i"]),
        "args": st.lists(VALUE, max_size=2),
        "env": st.lists(
            st.fixed_dictionaries({"name": st.sampled_from(["A", "B"]), "value": VALUE}),
            max_size=2,
            unique_by=lambda one: one["name"],
        ),
        "ports": st.lists(
            st.fixed_dictionaries({"containerPort": st.sampled_from([1, 2])}),
            max_size=2,
            unique_by=lambda one: one["containerPort"],
        ),
    },
)
TARGET = st.fixed_dictionaries(
    {"group": st.just(""), "kind": st.just("Service"), "name": st.sampled_from(["v", "w", ""])}
)
RULE = some(
    to=st.lists(
        some(operation=some(ports=st.lists(VALUE, max_size=2), paths=st.lists(VALUE, max_size=1))), max_size=2
    )
)
LISTENER = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["mesh", "web"]),
        "port": st.sampled_from([80, 81, 0]),
        "protocol": st.sampled_from(["HTTP", "HBONE"]),
    },
    optional={"hostname": st.sampled_from(["a.example.com", "*.b.example.com", "c d"])},
)
TEMPLATE = some(
    metadata=some(labels=LABELS),
    spec=some(
        containers=st.lists(CONTAINER, max_size=2, unique_by=lambda one: one["name"]),
        serviceAccountName=VALUE,
    ),
)

CONTENT: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "ConfigMap": some(data=some(x=VALUE, y=VALUE, z=VALUE)),
    "Service": some(
        spec=some(
            ports=st.lists(PORT, max_size=2, unique_by=lambda one: (one["port"], one.get("protocol", "TCP"))),
            selector=LABELS,
            sessionAffinity=st.sampled_from(["None", "ClientIP"]),
        )
    ),
    "StatefulSet": some(spec=some(replicas=st.sampled_from([1, 2, -1]), template=TEMPLATE)),
    "AuthorizationPolicy": some(
        spec=some(
            action=st.sampled_from(["ALLOW", "DENY", "STRANGE"]),
            rules=st.lists(RULE, max_size=2),
            targetRefs=st.lists(TARGET, max_size=2),
            selector=some(matchLabels=LABELS),
        )
    ),
    "Gateway": some(
        spec=some(
            gatewayClassName=VALUE,
            listeners=st.lists(LISTENER, max_size=2, unique_by=lambda one: one["name"]),
        )
    ),
}
FIRST: dict[str, dict[str, Any]] = {
    "ConfigMap": {},
    "Service": {"spec": {"ports": [{"name": "x", "port": 80}]}},
    "StatefulSet": {
        "spec": {
            "serviceName": "s",
            "selector": {"matchLabels": {"app": "app"}},
            "template": {
                "metadata": {"labels": {"app": "app"}},
                "spec": {"containers": [{"name": "c", "image": "i:1"}]},
            },
        }
    },
    "AuthorizationPolicy": {"spec": {"rules": [{}]}},
    "Gateway": {
        "spec": {"gatewayClassName": "1", "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE"}]}
    },
}


def nulled(value: Any) -> st.SearchStrategy[Any]:
    """A patch: an object in which any field may be null, which removes it."""
    if not isinstance(value, dict):
        return st.just(value)
    fields = {name: st.one_of(st.none(), nulled(child)) for name, child in value.items()}
    return st.fixed_dictionaries(fields)


@st.composite
def steps(draw: st.DrawFn, kind: str) -> list[tuple[str, str, dict[str, Any]]]:
    """List two managers' changes to one object: the verb, the manager, and the content."""
    content = st.builds(lambda labels, rest: {"metadata": labels, **rest}, some(labels=LABELS), CONTENT[kind])
    ways = ["apply", "force", "merge", "strategic", "status", "replace"]
    taken: list[tuple[str, str, dict[str, Any]]] = []
    for _ in range(draw(st.integers(1, 6))):
        way = draw(st.sampled_from(ways))
        fields = draw(content)
        if way in ("merge", "strategic", "status"):
            fields = {name: draw(nulled(value)) for name, value in fields.items()}
        taken.append((way, draw(st.sampled_from(["alice", "bob"])), fields))
    return taken


class Side:
    """One of the two APIs."""

    def __init__(self, connection: Connection, namespace: str):
        connection.must("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        self._connection = connection
        self._home = Namespace(None, connection, namespace)  # type: ignore[arg-type] - only its paths are used
        self._versions: list[str] = []

    def take(self, kind: str, way: str, manager: str, content: dict[str, Any]) -> Any:
        """Take one step and return the comparable part of the answer."""
        named = an(kind, NAME)
        obj = {**named, **content, "metadata": {**named["metadata"], **(content.get("metadata") or {})}}
        path = self._home.path(kind, NAME, f"?fieldManager={manager}")
        if way == "create":
            answer = self._home.create(obj, manager)
        elif way == "replace":
            read = self._connection.send("GET", self._home.path(kind, NAME)).json
            changed = {**read, **content, "metadata": {**read["metadata"], **(content.get("metadata") or {})}}
            answer = self._connection.send("PUT", path, changed)
        elif way in ("apply", "force"):
            force = "&force=true" if way == "force" else ""
            answer = self._connection.send("PATCH", path + force, obj, content_type=APPLY)
        else:
            content_type = STRATEGIC if way == "strategic" else MERGE
            sub = "/status" if way == "status" else ""
            path = self._home.path(kind, NAME, f"{sub}?fieldManager={manager}")
            answer = self._connection.send("PATCH", path, content, content_type=content_type)
        return self._comparable(answer)

    def _comparable(self, answer: ApiAnswer) -> Any:
        body = answer.json
        version = body["metadata"].get("resourceVersion")
        if version:
            self._versions.append(version)
        written = len(set(self._versions))
        return answer.code, written, comparable(body)


VOLATILE = {"uid", "resourceVersion", "creationTimestamp", "time", "namespace", "clusterIP", "clusterIPs"}


def comparable(value: Any) -> Any:
    """A body without the values that differ on any two servers."""
    if isinstance(value, dict):
        kept = {name: comparable(child) for name, child in value.items() if name not in VOLATILE}
        if "managedFields" in kept:
            kept["managedFields"] = sorted(
                kept["managedFields"], key=lambda entry: json.dumps(entry, sort_keys=True)
            )
        if "causes" in kept:
            # The order of labels is random in Go, and some errors are reported twice.
            kept["causes"] = sorted({(one["reason"], one["field"]) for one in kept["causes"]})
        if kept.get("reason") == "Invalid":
            del kept["message"]
        return kept
    if isinstance(value, list):
        return [comparable(child) for child in value]
    if isinstance(value, str):
        return re.sub(r"contract-[0-9a-f-]+|10\.\d+\.\d+\.\d+", "…", value)
    return value


def differences(imitated: Any, real: Any) -> Iterator[str]:
    """The lines in which two answers differ."""
    texts = [json.dumps(one, indent=1, sort_keys=True).splitlines() for one in (imitated, real)]
    return difflib.unified_diff(*texts, "stand-in", "real", n=3, lineterm="")


@pytest.fixture(scope="module")
def real() -> Iterator[Connection]:
    """An API server for this test alone, without controllers."""
    try:
        with StartedKubernetes() as kubernetes:
            kubernetes.install_custom_resources("security.istio.io", "gateway.networking.k8s.io")
            yield kubernetes.admin
    except NotAvailableError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with KubernetesServer() as server:
        for controller in vars(server.controllers).values():
            controller.stop()
        kubeconfig = server.write_kubeconfig(tmp_path_factory.mktemp("stand-in") / "kubeconfig")
        yield Connection.of(kubeconfig)


@pytest.mark.parametrize("kind", CONTENT)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.data())
def test_both_give_the_same_answers(real: Connection, stand_in: Connection, kind: str, data: st.DataObject):
    taken = [("create", "alice", FIRST[kind]), *data.draw(steps(kind))]
    name = f"contract-{RUN}-{next(NUMBERS)}"
    sides = [Side(real, name), Side(stand_in, name)]
    for number, step in enumerate(taken, 1):
        difference = "\n".join(differences(sides[1].take(kind, *step), sides[0].take(kind, *step)))
        if difference:
            done = "\n".join(map(str, taken[:number]))
            pytest.fail(f"after\n{done}\n{difference}", pytrace=False)
