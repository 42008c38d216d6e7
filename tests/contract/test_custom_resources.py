"""Content that the CRDs of Istio and of the Gateway API accept, reject and complete."""

import pytest

from tests.support.kubernetes_api import Namespace, an, causes, gateway, policy

UNCHECKED = ("<nil>", "FieldValueInvalid")
TARGET = {"group": "", "kind": "Service", "name": "app"}
LISTENER = {"name": "web", "port": 80, "protocol": "HTTP"}


def route(**spec) -> dict:
    return an("HTTPRoute", "route", spec=spec)


@pytest.mark.parametrize(
    "obj",
    [
        an("AuthorizationPolicy", "a"),
        an("AuthorizationPolicy", "a", spec={}),
        policy(action="AUDIT"),
        policy(action="CUSTOM", provider={"name": "x"}),
        policy(targetRefs=[TARGET] * 16),
        policy(targetRefs=[{"kind": "Gateway", "group": "gateway.networking.k8s.io", "name": "w"}]),
        an("AuthorizationPolicy", "a", spec={"selector": {"matchLabels": {"app": "x"}}, "rules": []}),
        policy(rules=[{"from": [], "to": []}]),
        policy(
            rules=[
                {
                    "from": [{"source": {"principals": ["cluster.local/ns/m/sa/a"], "namespaces": ["m"]}}],
                    "to": [
                        {
                            "operation": {
                                "hosts": ["a"],
                                "ports": ["80"],
                                "methods": ["GET"],
                                "paths": ["/a*", "/{*}/b"],
                            }
                        }
                    ],
                    "when": [{"key": "request.headers[x]", "values": ["y"]}],
                }
            ]
        ),
        an("PeerAuthentication", "a", spec={"mtls": {"mode": "STRICT"}}),
        gateway("a", {**LISTENER, "hostname": "*.example.com"}),
        gateway("a", LISTENER, {**LISTENER, "name": "other", "hostname": "example.com"}),
        route(),
        route(hostnames=["a.example.com"], parentRefs=[{"name": "w", "sectionName": "web"}]),
    ],
)
def test_accepted(namespace: Namespace, obj: dict):
    created = namespace.created(obj)
    assert created["metadata"]["generation"] == 1
    assert namespace.applied(obj, "creator", force=True)["metadata"]["generation"] == 1


@pytest.mark.parametrize(
    ("obj", "wrong"),
    [
        (policy(action="STRANGE"), [("spec.action", "FieldValueNotSupported"), UNCHECKED]),
        (
            policy(selector={"matchLabels": {"a": "b"}}),
            [("spec", "FieldValueInvalid")],
        ),
        (policy(targetRefs=[TARGET] * 17), [("spec.targetRefs", "FieldValueTooMany"), UNCHECKED]),
        (
            policy(targetRefs=[{"kind": "Service"}]),
            [("spec.targetRefs[0].name", "FieldValueRequired"), UNCHECKED],
        ),
        (policy(targetRefs=[{**TARGET, "name": ""}]), [("spec.targetRefs[0].name", "FieldValueInvalid")]),
        (
            policy(targetRefs=[{**TARGET, "name": "x" * 254}]),
            [("spec.targetRefs[0].name", "FieldValueTooLong"), UNCHECKED],
        ),
        (
            policy(targetRefs=[{**TARGET, "namespace": "elsewhere"}]),
            [("spec.targetRefs[0].namespace", "FieldValueInvalid")],
        ),
        (
            an("AuthorizationPolicy", "a", spec={"selector": {"matchLabels": {"a": "b*"}}}),
            [("spec.selector.matchLabels[a]", "FieldValueInvalid")],
        ),
        (
            an("AuthorizationPolicy", "a", spec={"selector": {"matchLabels": {"a*": "b"}}}),
            [("spec.selector.matchLabels", "FieldValueInvalid")],
        ),
        (
            an("AuthorizationPolicy", "a", spec={"selector": {"matchLabels": {"a": "x" * 64}}}),
            [("spec.selector.matchLabels.a", "FieldValueTooLong"), UNCHECKED],
        ),
        (
            policy(rules=[{"to": [{"operation": {"ports": [80]}}]}]),
            [("spec.rules[0].to[0].operation.ports[0]", "FieldValueTypeInvalid"), UNCHECKED],
        ),
        (
            policy(rules=[{"to": [{"operation": {"methods": "GET"}}]}]),
            [("spec.rules[0].to[0].operation.methods", "FieldValueTypeInvalid"), UNCHECKED],
        ),
        (policy(rules=[{}] * 513), [("spec.rules", "FieldValueTooMany"), UNCHECKED]),
        (
            policy(rules=[{"when": [{"values": ["x"]}]}]),
            [("spec.rules[0].when[0].key", "FieldValueRequired"), UNCHECKED],
        ),
        (an("AuthorizationPolicy", "a", spec=5), [("spec", "FieldValueTypeInvalid"), UNCHECKED]),
        (
            an("PeerAuthentication", "a", spec={"mtls": {"mode": "LAX"}}),
            [("spec.mtls.mode", "FieldValueNotSupported"), UNCHECKED],
        ),
        (gateway("a", {**LISTENER, "port": 0}), [("spec.listeners[0].port", "FieldValueInvalid")]),
        (gateway("a", {**LISTENER, "port": 65536}), [("spec.listeners[0].port", "FieldValueInvalid")]),
        (gateway("a", {**LISTENER, "name": "A"}), [("spec.listeners[0].name", "FieldValueInvalid")]),
        (
            gateway("a", {**LISTENER, "hostname": "a b"}),
            [("spec.listeners[0].hostname", "FieldValueInvalid")],
        ),
        (
            gateway("a", {**LISTENER, "allowedRoutes": {"namespaces": {"from": "Some"}}}),
            [("spec.listeners[0].allowedRoutes.namespaces.from", "FieldValueNotSupported"), UNCHECKED],
        ),
        (
            gateway("a", LISTENER, {**LISTENER, "name": "same-port"}),
            [("spec.listeners", "FieldValueInvalid")],
        ),
        (
            an("Gateway", "a", spec={}),
            [
                ("spec.gatewayClassName", "FieldValueRequired"),
                ("spec.listeners", "FieldValueRequired"),
                UNCHECKED,
            ],
        ),
        (an("Gateway", "a"), [("spec", "FieldValueRequired"), UNCHECKED]),
        (
            an("Gateway", "a", spec={"gatewayClassName": "x", "listeners": []}),
            [("spec.listeners", "FieldValueInvalid")],
        ),
        (route(hostnames=["A b"]), [("spec.hostnames[0]", "FieldValueInvalid")]),
        (route(parentRefs=[{}]), [("spec.parentRefs[0].name", "FieldValueRequired"), UNCHECKED]),
    ],
)
def test_refused(namespace: Namespace, obj: dict, wrong: list[tuple[str, str]]):
    answer = namespace.create(obj)
    assert (answer.code, answer.json["reason"]) == (422, "Invalid"), answer.text
    assert causes(answer) == wrong


def test_refusal_names_what_is_supported(namespace: Namespace):
    answer = namespace.create(policy(action="STRANGE"))
    assert answer.json["message"] == (
        'AuthorizationPolicy.security.istio.io "policy" is invalid: [spec.action: Unsupported value: '
        '"STRANGE": supported values: "ALLOW", "DENY", "AUDIT", "CUSTOM", <nil>: Invalid value: null: some '
        "validation rules were not checked because the object was invalid; "
        "correct the existing errors to complete validation]"
    )


def test_validation_rule_of_crd_gives_its_message(namespace: Namespace):
    answer = namespace.create(policy(selector={"matchLabels": {"a": "b"}}))
    assert answer.json["message"] == (
        'AuthorizationPolicy.security.istio.io "policy" is invalid: '
        'spec: Invalid value: "object": only one of targetRefs or selector can be set'
    )


def test_fields_outside_the_schema_are_dropped(namespace: Namespace):
    created = namespace.created(policy(stray=1, rules=[{"form": []}]))
    assert "stray" not in created["spec"]
    assert created["spec"]["rules"] == [{}]


def test_a_null_is_no_value(namespace: Namespace):
    assert namespace.created(policy(rules=None))["spec"].keys() == {"targetRefs"}


def test_an_empty_list_stays_one(namespace: Namespace):
    assert namespace.created(policy(rules=[{"from": []}]))["spec"]["rules"] == [{"from": []}]
    assert namespace.applied(policy("other", rules=[]))["spec"]["rules"] == []


def test_listener_is_open_to_routes_of_its_namespace(namespace: Namespace):
    listener = namespace.applied(gateway())["spec"]["listeners"][0]
    assert listener["allowedRoutes"] == {"namespaces": {"from": "Same"}}


def test_gateway_waits_for_its_controller(namespace: Namespace):
    conditions = namespace.applied(gateway())["status"]["conditions"]
    assert [(one["type"], one["status"], one["reason"]) for one in conditions] == [
        ("Accepted", "Unknown", "Pending"),
        ("Programmed", "Unknown", "Pending"),
    ]


def test_route_gets_its_defaults(namespace: Namespace):
    wanted = route(parentRefs=[{"name": "w"}], rules=[{"backendRefs": [{"name": "app", "port": 80}]}])
    assert namespace.applied(wanted)["spec"] == {
        "parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "w"}],
        "rules": [
            {
                "backendRefs": [{"group": "", "kind": "Service", "name": "app", "port": 80, "weight": 1}],
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
            }
        ],
    }


def test_names_of_listeners_are_unique(namespace: Namespace):
    answer = namespace.create(gateway("a", LISTENER, {**LISTENER, "port": 81}))
    assert ("spec.listeners[1]", "FieldValueDuplicate") in causes(answer)


@pytest.mark.parametrize("path", ["/scale", "/a/b"])
def test_custom_resource_has_no_other_subresources(namespace: Namespace, path: str):
    namespace.created(policy())
    answer = namespace.connection.send("GET", namespace.path("AuthorizationPolicy", "policy", path))
    assert (answer.code, answer.json["reason"]) == (404, "NotFound")
