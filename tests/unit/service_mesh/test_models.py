"""Valid and invalid MeshPolicies."""

import json
from collections.abc import Callable
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charmlibs.interfaces.service_mesh import (
    AppPolicy,
    CMRData,
    Endpoint,
    MeshPolicy,
    MeshType,
    Method,
    Policy,
    PolicyTargetType,
    ServiceMeshProviderAppData,
    UnitPolicy,
)

APP: dict[str, Any] = {
    "source_namespace": "cos",
    "source_app_name": "prometheus",
    "target_namespace": "shop",
    "target_app_name": "web",
}
UNIT: dict[str, Any] = {**APP, "target_type": "unit"}


def test_app_target_is_default():
    assert MeshPolicy(**APP).target_type is PolicyTargetType.app


def test_every_field_travels_as_json_and_comes_back():
    policy = MeshPolicy(
        **APP,
        target_service="web-api",
        endpoints=[Endpoint(hosts=["web"], ports=[80], methods=[Method.get], paths=["/items/{*}"])],
    )
    sent = json.dumps(policy.model_dump(mode="json"))
    assert json.loads(sent) == {
        **APP,
        "target_selector_labels": None,
        "target_service": "web-api",
        "target_type": "app",
        "endpoints": [{"hosts": ["web"], "ports": [80], "methods": ["GET"], "paths": ["/items/{*}"]}],
    }
    assert MeshPolicy.model_validate_json(sent) == policy


def test_policy_of_oldest_library_is_for_application():
    policy = MeshPolicy.model_validate({**APP, "target_service": None, "endpoints": []})
    assert policy.target_type is PolicyTargetType.app
    assert policy.target_selector_labels is None


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Endpoint(path=["/x"]), "path"),  # type: ignore[call-arg]
        (lambda: Endpoint(not_paths=["/admin"]), "not_paths"),  # type: ignore[call-arg]
        (lambda: AppPolicy(relation="data", endpoints=[], port=80), "port"),  # type: ignore[call-arg]
        (lambda: AppPolicy(relation="data", endpoints=[{"method": ["GET"]}]), "method"),  # type: ignore[list-item]
        (lambda: UnitPolicy(relation="metrics", port=[9100]), "port"),  # type: ignore[call-arg]
        (lambda: MeshPolicy(**APP, source_labels={"a": "b"}), "source_labels"),
        (lambda: MeshPolicy(**APP, endpoints=[{"path": ["/x"]}]), "path"),  # type: ignore[list-item]
        (lambda: MeshPolicy.model_validate({**APP, "endpoint": []}), "endpoint"),
    ],
)
def test_unknown_restriction_or_misspelt_is_error(make: Callable[[], object], field: str):
    with pytest.raises(pydantic.ValidationError, match=rf"\b{field}\n"):
        make()


def test_service_alone_is_target():
    assert MeshPolicy(**{**APP, "target_app_name": None, "target_service": "web"}).target_service == "web"


def test_selector_labels_alone_are_unit_target():
    labels = {"app.kubernetes.io/part-of": "web"}
    policy = MeshPolicy(**{**UNIT, "target_app_name": None, "target_selector_labels": labels})
    assert policy.target_selector_labels == labels


@pytest.mark.parametrize("name", ["UPPER", "under_score", "a.b", "ünïcode", "x" * 300])
def test_name_outside_kubernetes_rules_is_accepted(name: str):
    policy = MeshPolicy(**{**APP, "source_app_name": name, "target_app_name": name})
    assert policy.source_app_name == name


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"target_app_name": None}, "target_app_name or target_service"),
        ({"target_selector_labels": {"a": "b"}}, "target_selector_labels"),
        ({"target_type": "unit", "target_app_name": None}, "target_app_name or target_selector_labels"),
        ({"target_type": "unit", "target_selector_labels": {"a": "b"}}, "not both"),
        ({"target_type": "unit", "target_service": "web"}, "target_service"),
        ({"target_type": "unit", "target_app_name": "w*b"}, "target_app_name"),
        ({"target_type": "unit", "endpoints": [{"hosts": ["web"]}]}, r"endpoints\[0\].hosts"),
        ({"target_type": "unit", "endpoints": [{}, {"methods": ["GET"]}]}, r"endpoints\[1\].methods"),
        ({"target_type": "unit", "endpoints": [{"paths": ["/"]}]}, r"endpoints\[0\].paths"),
        ({"endpoints": [{"ports": [0]}]}, "endpoints.0.ports.0"),
        ({"endpoints": [{"ports": [65536]}]}, "endpoints.0.ports.0"),
        ({"endpoints": [{"ports": [True]}]}, "endpoints.0.ports.0"),
        ({"endpoints": [{"methods": ["BREW"]}]}, "endpoints.0.methods.0"),
        ({"source_namespace": ""}, "source_namespace"),
        ({"source_app_name": ""}, "source_app_name"),
        ({"target_namespace": ""}, "target_namespace"),
        ({"target_app_name": ""}, "target_app_name"),
        ({"target_service": ""}, "target_service"),
        ({"target_service": "a\x85b"}, "target_service"),
        ({"target_app_name": "a\u2028b"}, "target_app_name"),
        ({"source_app_name": "a\x7f"}, "source_app_name"),
        ({"endpoints": [{"hosts": ["\x9f"]}]}, "endpoints.0.hosts.0"),
        ({"endpoints": [{"paths": ["/\uffff"]}]}, "endpoints.0.paths.0"),
        ({"endpoints": [{"paths": ["/a\0"]}]}, "endpoints.0.paths.0"),
        ({"endpoints": [{"paths": ["/a\nb"]}]}, "endpoints.0.paths.0"),
        ({"endpoints": [{"hosts": ["\x1b[31m"]}]}, "endpoints.0.hosts.0"),
        ({"endpoints": [None]}, "endpoints.0"),
        ({"endpoints": [[]]}, "endpoints.0"),
        ({"endpoints": None}, "endpoints"),
        ({"endpoints": {}}, "endpoints"),
        ({"endpoints": [{"paths": "/a"}]}, "endpoints.0.paths"),
        ({"endpoints": [{"methods": [["GET"]]}]}, "endpoints.0.methods.0"),
        ({"endpoints": [{"ports": [80.5]}]}, "endpoints.0.ports.0"),
        ({"callers": {}}, "callers.kind"),
        ({"callers": {"kind": "mesh", "except": []}}, "callers.except"),
        ({"target_app_name": "\ud800"}, "target_app_name"),
        ({"source_app_name": "*"}, "source_app_name"),
        ({"source_namespace": "cos/sa/any"}, "source_namespace"),
    ],
)
def test_unenforceable_field_is_error(change: dict[str, Any], named: str):
    with pytest.raises(pydantic.ValidationError, match=named):
        MeshPolicy.model_validate({**APP, **change})


@pytest.mark.parametrize(
    "labels",
    [
        {"": "x"},
        {"-a": "x"},
        {"a" * 64: "x"},
        {"UPPER.example/a": "x"},
        {"/a": "x"},
        {"a/b/c": "x"},
        {"a": "x" * 64},
        {"a": "x y"},
        {"a": "-x"},
        {"a\n": "x"},
    ],
)
def test_label_that_kubernetes_would_not_take_is_refused(labels: dict[str, str]):
    with pytest.raises(pydantic.ValidationError, match=r"target_selector_labels[\s\S]*Kubernetes"):
        MeshPolicy(**{**UNIT, "target_app_name": None, "target_selector_labels": labels})


@pytest.mark.parametrize("labels", [{"a": ""}, {"example.com/A_b.c": "X-1"}, {"a" * 63: "x" * 63}])
def test_valid_label_is_accepted(labels: dict[str, str]):
    MeshPolicy(**{**UNIT, "target_app_name": None, "target_selector_labels": labels})


@given(st.integers(min_value=1, max_value=65535))
def test_every_port_that_exists_is_taken(port: int):
    assert Endpoint(ports=[port]).ports == [port]


@pytest.mark.parametrize("name", ["*", "a*", "cos/sa/x", ""])
def test_cross_model_name_stands_for_one_application(name: str):
    with pytest.raises(pydantic.ValidationError, match="app_name"):
        CMRData(app_name=name, juju_model_name="m")


def test_policy_is_deprecated_and_works_as_app_policy():
    with pytest.warns(DeprecationWarning, match="AppPolicy"):
        policy = Policy(relation="data", endpoints=[Endpoint(ports=[80])], service="web")
    assert isinstance(policy, AppPolicy)
    assert policy.model_dump() == AppPolicy(**policy.model_dump()).model_dump()


def test_optional_parts_of_policies_have_defaults():
    assert AppPolicy(relation="data", endpoints=[]).service is None
    assert UnitPolicy(relation="metrics").ports is None
    assert Endpoint() == Endpoint(hosts=None, ports=None, methods=None, paths=None)


def test_provider_publishes_valid_labels_only():
    with pytest.raises(pydantic.ValidationError, match="Kubernetes"):
        ServiceMeshProviderAppData(labels={"a b": "c"}, mesh_type=MeshType.istio)
