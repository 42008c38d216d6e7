"""Invalid objects, and valid ones that look invalid."""

import pytest

from tests.support.kubernetes_api import Namespace, an, causes, gateway, policy, service, stateful_set

NAME = [("metadata.name", "FieldValueInvalid")]
LABELS = [("metadata.labels", "FieldValueInvalid")]


@pytest.mark.parametrize(
    "obj",
    [
        an("ConfigMap", "a.b-c.0"),
        an("ConfigMap", "0"),
        an("ConfigMap", "x" * 253),
        an("Role", "With:Colon_And Space"),
        service("x" * 63),
        policy("x" * 253),
        gateway("x" * 253),
        policy("a.b"),
        an("ConfigMap", "labels", labels={"a": "", "b.c/D_e.f": "G_h.i-0", "x" * 63: "y" * 63}),
    ],
)
def test_accepted(namespace: Namespace, obj: dict):
    namespace.created(obj)


@pytest.mark.parametrize(
    ("obj", "wrong"),
    [
        (an("ConfigMap", "Capital"), NAME),
        (an("ConfigMap", "under_score"), NAME),
        (an("ConfigMap", "-a"), NAME),
        (an("ConfigMap", "a."), NAME),
        (an("ConfigMap", "x" * 254), NAME),
        (an("ConfigMap", "a\n"), NAME),
        (an("Role", "a/b"), NAME),
        (service("1digit"), NAME),
        (service("a.b"), NAME),
        (service("x" * 64), NAME),
        (stateful_set("Capital"), NAME),
        (policy("Capital"), NAME),
        (policy("x" * 254), NAME),
        (an("ConfigMap", "a", labels={"k": "-bad"}), LABELS),
        (an("ConfigMap", "a", labels={"k": "x" * 64}), LABELS),
        (an("ConfigMap", "a", labels={"k": "a\n"}), LABELS),
        (an("ConfigMap", "a", labels={"x" * 64: ""}), LABELS),
        (an("ConfigMap", "a", labels={"Upper/k": ""}), LABELS),
        (an("ConfigMap", "a", labels={"/k": ""}), LABELS),
        (policy() | {"metadata": {"name": "a", "labels": {"a b": "c"}}}, LABELS),
        (
            an("ConfigMap", "a") | {"metadata": {"name": "a", "annotations": {"a b": ""}}},
            [("metadata.annotations", "FieldValueInvalid")],
        ),
        (an("ConfigMap", "a", data={"a b": ""}), [("data[a b]", "FieldValueInvalid")]),
        (an("ConfigMap", "Capital", labels={"k": "-"}), NAME + LABELS),
        (
            stateful_set(selector={"matchLabels": {"app": "other"}}),
            [("spec.template.metadata.labels", "FieldValueInvalid")],
        ),
        (service(selector={"a b": "c"}), [("spec.selector", "FieldValueInvalid")]),
        (
            an("Pod", "a", spec={"containers": [{"name": "A", "image": "x"}]}),
            [("spec.containers[0].name", "FieldValueInvalid")],
        ),
        (an("Pod", "a"), [("spec.containers", "FieldValueRequired")]),
        (stateful_set(replicas=-1), [("spec.replicas", "FieldValueInvalid")]),
        (
            stateful_set(updateStrategy={"type": "OnDelete", "rollingUpdate": {"partition": 0}}),
            [("spec.updateStrategy.rollingUpdate", "FieldValueInvalid")],
        ),
        (
            an("StatefulSet", "a"),
            [
                ("spec.selector", "FieldValueRequired"),
                ("spec.template.metadata.labels", "FieldValueInvalid"),
                ("spec.template.spec.containers", "FieldValueRequired"),
            ],
        ),
        (service(ports=[]), [("spec.ports", "FieldValueRequired")]),
        (
            service(ports=[{"port": 1}, {"port": 2}]),
            [("spec.ports[0].name", "FieldValueRequired"), ("spec.ports[1].name", "FieldValueRequired")],
        ),
        (
            service(ports=[{"port": 65536}]),
            [("spec.ports[0].port", "FieldValueInvalid"), ("spec.ports[0].targetPort", "FieldValueInvalid")],
        ),
        (
            service(ports=[{"name": "a", "port": 1}, {"name": "b", "port": 1}]),
            [("spec.ports[1]", "FieldValueDuplicate")],
        ),
        (service(type="Strange"), [("spec.type", "FieldValueNotSupported")]),
        (
            an(
                "HorizontalPodAutoscaler",
                "a",
                spec={
                    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"},
                    "minReplicas": 3,
                    "maxReplicas": 2,
                },
            ),
            [("spec.maxReplicas", "FieldValueInvalid")],
        ),
    ],
)
def test_refused(namespace: Namespace, obj: dict, wrong: list[tuple[str, str]]):
    answer = namespace.create(obj)
    assert (answer.code, answer.json["reason"]) == (422, "Invalid")
    assert causes(answer) == wrong
    details = answer.json["details"]
    assert (details["kind"], details["name"]) == (obj["kind"], obj["metadata"]["name"])


def test_a_name_is_required(namespace: Namespace):
    answer = namespace.connection.send("POST", namespace.path("ConfigMap"), {"data": {}})
    assert answer.code == 422
    assert answer.json["message"] == (
        'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required'
    )


def test_invalid_name_gets_the_rule_in_its_error(namespace: Namespace):
    answer = namespace.create(an("ConfigMap", "Capital"))
    assert answer.json["message"] == (
        'ConfigMap "Capital" is invalid: metadata.name: Invalid value: "Capital": a lowercase RFC 1123 '
        "subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end "
        "with an alphanumeric character (e.g. 'example.com', regex used for validation is "
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    )


def test_several_things_that_are_wrong_are_listed(namespace: Namespace):
    answer = namespace.create(stateful_set("Capital", replicas=-1))
    message = answer.json["message"]
    assert message.startswith('StatefulSet.apps "Capital" is invalid: [metadata.name: ')
    assert message.endswith("spec.replicas: Invalid value: -1: must be greater than or equal to 0]")


def test_what_is_invalid_is_refused_before_taken_name(namespace: Namespace):
    namespace.created(policy())
    assert namespace.create(policy(action="STRANGE")).code == 422


def test_invalid_change_changes_nothing(namespace: Namespace):
    before = namespace.created(stateful_set())
    labels = {"spec": {"template": {"metadata": {"labels": {"mesh": "not good"}}}}}
    answer = namespace.patch("StatefulSet", "app", labels)
    assert set(causes(answer)) == {("spec.template.labels", "FieldValueInvalid")}
    assert namespace.get("StatefulSet", "app")["spec"] == before["spec"]


def test_roles_once_bound_stay_bound(namespace: Namespace):
    namespace.created(an("RoleBinding", "a", roleRef={"kind": "Role", "name": "x"}))
    answer = namespace.patch("RoleBinding", "a", {"roleRef": {"name": "y"}})
    assert causes(answer) == [("roleRef", "FieldValueInvalid")]


def test_address_once_given_stays(namespace: Namespace):
    namespace.created(service())
    answer = namespace.patch("Service", "app", {"spec": {"clusterIP": "10.0.255.1"}})
    assert causes(answer) == [("spec.clusterIPs[0]", "FieldValueInvalid")]
