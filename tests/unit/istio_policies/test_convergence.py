"""From any policies to any others: Kubernetes allows the desired ones, and never denies those that stay."""

import contextlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lightkube import Client
from lightkube.types import PatchType

from charmlibs.interfaces.service_mesh import Endpoint, MeshPolicy, Method, PolicyTargetType
from istio_policies import AuthorizationPolicy, PolicyRequestFrom
from k8s_charm import ReconcileResult
from sandbox.kubernetes import KubernetesServer, ObjectChange
from tests.support.policies import LABELS, OWNER
from tests.support.reconciling import reconcile_policies

Grant = tuple[Any, ...]
"""Who may reach what, by which requests: what a policy and an AuthorizationPolicy have in common."""

LISTS = {"hosts": "hosts", "ports": "ports", "methods": "methods", "paths": "paths"}


def grant_of_policy(policy: MeshPolicy) -> Grant:
    if policy.target_type == "app":
        target = ("Service", policy.target_service or policy.target_app_name)
    else:
        labels = policy.target_selector_labels or {"app.kubernetes.io/name": policy.target_app_name}
        target = ("Pods", frozenset(labels.items()))
    requests = [endpoint.model_dump(mode="json") for endpoint in policy.endpoints]
    return (
        policy.target_namespace,
        target,
        f"cluster.local/ns/{policy.source_namespace}/sa/{policy.source_app_name}",
        _requests(requests),
    )


def grant_of_object(policy: dict[str, Any]) -> Grant:
    spec = policy["spec"]
    if "targetRefs" in spec:
        target = ("Service", spec["targetRefs"][0]["name"])
    else:
        target = ("Pods", frozenset(spec["selector"]["matchLabels"].items()))
    (rule,) = spec["rules"]
    (principal,) = rule["from"][0]["source"]["principals"]
    requests = [each["operation"] for each in rule.get("to", [])]
    return policy["metadata"]["namespace"], target, principal, _requests(requests)


def _requests(requests: Iterable[dict[str, Any]]) -> frozenset[Any] | str:
    kinds = {tuple(frozenset(map(str, each.get(name) or ())) for name in LISTS) for each in requests}
    return "any" if not kinds or any(not any(kind) for kind in kinds) else frozenset(kinds)


PORTS, PATHS, METHODS = ("1", "2", "3", "80", "443", "8080", "9"), ("/a", "/b", "/x"), ("GET", "PUT", "POST")
EACH_REQUEST = [
    {"ports": port, "paths": path, "methods": method}
    for port, path, method in itertools.product(PORTS, PATHS, METHODS)
]


def allowed(grants: Iterable[Grant]) -> set[tuple[Any, ...]]:
    """Return each kind of request, with source and target, that some policy allows."""
    return {
        (*grant[:3], *request.values())
        for grant, request in itertools.product(grants, EACH_REQUEST)
        if grant[3] == "any" or any(_fits(request, dict(zip(LISTS, kind, strict=True))) for kind in grant[3])
    }


def _fits(request: dict[str, str], kind: dict[str, frozenset[str]]) -> bool:
    return all(not kind[name] or value in kind[name] for name, value in request.items())


class Watcher:
    """Watches each change in Kubernetes when it is made."""

    def __init__(self, server: KubernetesServer):
        self._server = server
        self.must_be_open: set[tuple[Any, ...]] = set()
        self.shut: list[tuple[Any, ...]] = []
        server.store.observe(self._look)

    def _look(self, change: ObjectChange) -> None:
        if self.must_be_open and change.kind.name == "AuthorizationPolicy":
            self.shut += self.must_be_open - allowed(self.grants())

    def grants(self) -> list[Grant]:
        return [grant_of_object(each) for each in self.objects() if _says_one_thing(each)]

    def objects(self) -> list[dict[str, Any]]:
        return self._server.store.objects("AuthorizationPolicy")


def _says_one_thing(policy: dict[str, Any]) -> bool:
    return bool(policy["spec"]["rules"][0].get("from"))


@pytest.fixture(scope="session")
def watcher(server: KubernetesServer) -> Watcher:
    return Watcher(server)


endpoints = st.builds(
    Endpoint,
    ports=st.none() | st.lists(st.sampled_from([80, 443, 8080]), max_size=3),
    paths=st.none() | st.lists(st.sampled_from(["/a", "/b"]), max_size=2),
    methods=st.none() | st.lists(st.sampled_from([Method.get, Method.put]), max_size=2),
)
# Mostly of one target and source, where one object replaces another.
one_pair = st.builds(
    MeshPolicy,
    source_namespace=st.just("s"),
    source_app_name=st.just("cart"),
    target_namespace=st.just("m"),
    target_app_name=st.just("shop"),
    endpoints=st.lists(endpoints, min_size=1, max_size=2),
)
app_policies = st.builds(
    MeshPolicy,
    source_namespace=st.sampled_from(["m", "s"]),
    source_app_name=st.sampled_from(["cart", "cart-2", "Cart"]),
    target_namespace=st.sampled_from(["m", "n"]),
    target_app_name=st.sampled_from(["shop", "till"]),
    endpoints=st.lists(endpoints, max_size=2),
)
unit_policies = st.builds(
    MeshPolicy,
    source_namespace=st.just("s"),
    source_app_name=st.sampled_from(["cart", "cart-2"]),
    target_namespace=st.just("m"),
    target_app_name=st.just("shop"),
    target_type=st.just(PolicyTargetType.unit),
    endpoints=st.lists(st.builds(Endpoint, ports=st.lists(st.integers(1, 3), max_size=2)), max_size=2),
)
requests = st.lists(one_pair, min_size=2, max_size=4) | st.lists(
    one_pair | app_policies | unit_policies, max_size=6
)

TROUBLE = {
    "none": {},
    "nothing can be created or changed": {"verbs": ["patch"]},
    "nothing can be created or changed in one namespace": {"verbs": ["patch"], "namespaces": ["m"]},
    "nothing can be deleted": {"verbs": ["delete"]},
    "nothing can be listed": {"verbs": ["list"]},
}
MEDDLING = {
    "deleted": None,
    "opened for all": {"rules": [{}]},
    "for another source": {"rules": [{"from": [{"source": {"principals": ["cluster.local/ns/x/sa/y"]}}]}]},
}


@contextlib.contextmanager
def trouble(server: KubernetesServer, what: str) -> Iterator[None]:
    if TROUBLE[what]:
        server.access.deny(**TROUBLE[what])
    yield
    server.access.restore()


def edit_by_hand(client: Client, objects: list[dict[str, Any]], which: int, how: str) -> None:
    """Change or delete some object by hand."""
    own, change = objects[which % len(objects)]["metadata"], MEDDLING[how]
    if change is None:
        client.delete(AuthorizationPolicy, own["name"], namespace=own["namespace"])
    else:
        client.patch(
            AuthorizationPolicy,
            own["name"],
            {"spec": change},
            namespace=own["namespace"],
            patch_type=PatchType.MERGE,
            field_manager="kubectl-edit",
        )


steps = st.tuples(
    requests,
    st.sampled_from(sorted(TROUBLE)),
    st.none() | st.tuples(st.integers(0, 9), st.sampled_from(sorted(MEDDLING))),
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, min_size=2, max_size=5))
def test_convergence_never_denies_desired_request(
    client: Client, kubernetes: KubernetesServer, watcher: Watcher, steps: list[Any]
):
    watcher.must_be_open = set()
    kubernetes.store.reset()
    for name in ("m", "n"):
        kubernetes.store.create(kubernetes.store.kind("Namespace"), {"metadata": {"name": name}})

    def hook(policies: list[MeshPolicy]) -> ReconcileResult:
        wanted = allowed(map(grant_of_policy, policies))
        watcher.shut, watcher.must_be_open = [], wanted & allowed(watcher.grants())
        result = reconcile_policies(
            client, [PolicyRequestFrom(each, ["shop"]) for each in policies], labels=LABELS, owner=OWNER
        )
        watcher.must_be_open = set()
        assert watcher.shut == []
        return result

    for policies, problem, edit in steps:
        wanted = {grant_of_policy(each) for each in policies}
        with trouble(kubernetes, problem):
            hook(policies)
        healed = hook(policies)
        assert not healed.failed
        assert Counter(watcher.grants()) == Counter(wanted)
        if edit and (objects := watcher.objects()):
            edit_by_hand(client, objects, *edit)
            hook(policies)
            assert Counter(watcher.grants()) == Counter(wanted)
        kubernetes.requests.clear()
        assert not hook(policies).changed
        assert [each.method for each in kubernetes.requests] == ["GET"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests, requests)
def test_one_write_for_each_difference(
    client: Client,
    kubernetes: KubernetesServer,
    watcher: Watcher,
    first: list[MeshPolicy],
    then: list[MeshPolicy],
):
    watcher.must_be_open = set()
    kubernetes.store.reset()
    for name in ("m", "n"):
        kubernetes.store.create(kubernetes.store.kind("Namespace"), {"metadata": {"name": name}})
    for policies in (first, then):
        kubernetes.requests.clear()
        reconcile_policies(client, [PolicyRequestFrom(each) for each in policies], labels=LABELS, owner=OWNER)
    old, new_grants = ({grant_of_policy(each) for each in policies} for policies in (first, then))
    pairs = {grant[:3] for grant in old | new_grants}
    least = 0
    for pair in pairs:
        gone, new = (
            sum(grant[:3] == pair for grant in grants) for grants in (old - new_grants, new_grants - old)
        )
        # One of the new ones overwrites one that is to be deleted, once the others exist.
        least += gone + new - bool(gone and new)
    assert sum(each.method != "GET" for each in kubernetes.requests) == least
