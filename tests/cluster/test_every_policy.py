"""The real API server accepts every policy that a charm may request, except for errors that only it can find.

The policies come from one seed: $POLICY_SEED, if it is set. $POLICY_EXAMPLES is their number.
"""

import itertools
import os
import re
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import pydantic
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from lightkube import Client, KubeConfig

from charmlibs.interfaces.service_mesh import MeshPolicy, Method, PolicyTargetType
from istio_policies import DesiredPolicies, PolicyRequestFrom, authorization_policies
from k8s_charm import Owner, manifest
from sandbox.control_plane import RealKubernetes
from sandbox.kubernetes import KubernetesServer
from tests.cluster.policy_corpus import SEED
from tests.support.reconciling import reconcile_policies

EXAMPLES = int(os.environ.get("POLICY_EXAMPLES", "400"))
OWNER = Owner("b" * 53, "shop")
LABELS = OWNER.labels("every-policy")
LONGEST_NAME, LONGEST_VALUE = 253, 63

PLAIN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
NAMES = st.from_regex(PLAIN, fullmatch=True)
ODD = st.one_of(
    st.text(min_size=1, max_size=20),
    st.characters(codec="utf-8").map("a{}b".format),
    st.text(alphabet="aZ-._*/{}?#%\\ \"'&é", min_size=1, max_size=8),
    st.sampled_from(["a" * length for length in (63, 64, 253, 254)]),
    st.sampled_from(["a\x00b", "a\x7fb", "a\x85b", "a\u2028b", "a\ufeffb", "a\uffffb", "\U0001f600"]),
)
TEXTS = NAMES | ODD
PATTERNS = TEXTS | st.sampled_from(["*", "/a*", "*/a", "/{*}/a", "/a/{**}", "/{**}/{*}", "/{a", "/a*b"])


def some(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any] | None]:
    return st.none() | st.lists(values, max_size=3)


PORTS = some(st.integers(1, 65535))
SOURCE = {"source_namespace": TEXTS, "source_app_name": TEXTS}
OPERATIONS = st.fixed_dictionaries(
    {},
    optional={
        "hosts": some(PATTERNS),
        "ports": PORTS,
        "methods": some(st.sampled_from([method.value for method in Method])),
        "paths": some(PATTERNS),
    },
)
TO_SERVICE = st.fixed_dictionaries(
    {**SOURCE, "endpoints": st.lists(OPERATIONS, max_size=3)},
    optional={"target_app_name": TEXTS, "target_service": TEXTS},
)
KEYS = st.sampled_from(["app.kubernetes.io/part-of", "a", "x.y/z"]) | ODD
CONNECTIONS = st.lists(st.fixed_dictionaries({"ports": PORTS}), max_size=3)
TO_PODS = st.fixed_dictionaries({**SOURCE, "target_type": st.just("unit"), "endpoints": CONNECTIONS}).flatmap(
    lambda fields: st.one_of(
        st.fixed_dictionaries({"target_app_name": TEXTS}),
        st.fixed_dictionaries(
            {"target_selector_labels": st.dictionaries(KEYS, TEXTS, min_size=1, max_size=2)}
        ),
    ).map(lambda target: {**fields, **target})
)


@pytest.fixture(scope="module")
def client(kubernetes: RealKubernetes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    namespace = f"every-{uuid.uuid4().hex[:8]}"
    kubernetes.admin.must("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    path = kubernetes.write_kubeconfig(tmp_path_factory.mktemp("every") / "kubeconfig", namespace=namespace)
    yield Client(KubeConfig.from_file(path), field_manager=OWNER.app, trust_env=False)
    kubernetes.admin.send("DELETE", f"/api/v1/namespaces/{namespace}")


def is_too_long(policy: MeshPolicy) -> bool:
    """Return whether the name is too long for a Service or for a label of a pod."""
    if policy.target_type is PolicyTargetType.app:
        return len((policy.target_service or policy.target_app_name or "").encode()) > LONGEST_NAME
    return len(policy.target_app_name or "") > LONGEST_VALUE


def is_odd(value: object) -> bool:
    """Return whether any part is empty, or not a possible name of an application."""
    match value:
        case dict():
            parts = itertools.chain.from_iterable(re.split("[./]", key) for key in value)
            return any(map(is_odd, (*parts, *value.values())))
        case str():
            return PLAIN.fullmatch(value) is None
        case _:
            return value is None


def policy_of(fields: Mapping[str, Any], namespace: str) -> MeshPolicy | None:
    """Return the policy if it is valid; otherwise check that each error names an unusual part."""
    try:
        return MeshPolicy.model_validate({**fields, "target_namespace": namespace})
    except pydantic.ValidationError as refusal:
        for error in refusal.errors():
            if error["loc"]:
                named = reduce(getitem, error["loc"], fields)
            else:
                assert "target_app_name" in error["msg"], error
                named = fields.get("target_app_name")
            assert is_odd(named), error
        return None


@pytest.mark.parametrize("fields", [TO_SERVICE, TO_PODS], ids=["to a Service", "to pods"])
def test_every_policy_is_accepted_as_meant(client: Client, fields: st.SearchStrategy[dict[str, Any]]):
    number: Counter[str] = Counter()

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES // 2, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(fields=fields)
    def each_is(fields: dict[str, Any]) -> None:
        policy = policy_of(fields, client.namespace)
        if policy is None:
            number["refused by us"] += 1
            return
        result = reconcile_policies(client, [PolicyRequestFrom(policy)], labels=LABELS, owner=OWNER)
        if is_too_long(policy):
            assert [failure.code for failure in result.failed] == [422]
            return
        assert result.failed == ()
        (wanted,) = authorization_policies(DesiredPolicies([PolicyRequestFrom(policy)]), owner=OWNER)
        assert [manifest(each)["spec"] for each in result.live] == [manifest(wanted)["spec"]]
        number["taken"] += 1

    each_is()
    assert min(number["taken"], number["refused by us"]) > EXAMPLES / 20, number


@pytest.mark.parametrize(
    "fields",
    [
        {"target_app_name": "app", "target_service": "a" * (LONGEST_NAME + 1)},
        {"target_app_name": "a" * (LONGEST_VALUE + 1), "target_type": "unit"},
    ],
    ids=["Service", "pods"],
)
def test_too_long_name_is_reported(client: Client, fields: dict[str, Any]):
    source = {"source_namespace": "shop", "source_app_name": "web"}
    policy = policy_of({**source, **fields}, client.namespace)
    assert policy
    (failure,) = reconcile_policies(client, [PolicyRequestFrom(policy)], labels=LABELS, owner=OWNER).failed
    assert failure.code == 422
    assert "Too long" in failure.reason


@pytest.fixture
def stand_in(client: Client, tmp_path: Path) -> Iterator[Client]:
    """The stand-in's, for the same namespace."""
    with KubernetesServer() as server:
        server.store.create("Namespace", {"metadata": {"name": client.namespace}})
        path = server.write_kubeconfig(tmp_path / "stand-in", namespace=client.namespace)
        yield Client(KubeConfig.from_file(path), field_manager=OWNER.app, trust_env=False)


@pytest.mark.parametrize(
    "namespace",
    [
        "..",
        ".",
        "x/y",
        "x/../shop",
        "a?b=c",
        "a#b",
        "%2e%2e",
        "*",
        " ",
        "a" * 300,
        "Shop",
        "\u00e9",
        "no-such",
    ],
)
def test_invalid_namespace_does_not_stop_the_others(client: Client, stand_in: Client, namespace: str):
    fields = {"source_namespace": "shop", "source_app_name": "web", "target_app_name": "app"}
    odd, good = policy_of(fields, namespace), policy_of(fields, client.namespace)
    assert odd
    assert good
    results = [
        reconcile_policies(
            each, [PolicyRequestFrom(odd), PolicyRequestFrom(good)], labels=LABELS, owner=OWNER
        )
        for each in (client, stand_in)
    ]
    (failure,) = results[0].failed
    assert failure.ref.namespace == namespace
    assert failure.code == (404 if namespace == "no-such" else 422)
    assert "namespace" in failure.reason
    for result in results:
        assert result.failed == (failure,)
        assert [manifest(each)["metadata"]["namespace"] for each in result.live] == [client.namespace]


def test_no_namespace_at_all_is_refused_by_name():
    fields = {"source_namespace": "shop", "source_app_name": "web", "target_app_name": "app"}
    with pytest.raises(pydantic.ValidationError, match="target_namespace"):
        MeshPolicy.model_validate({**fields, "target_namespace": ""})
