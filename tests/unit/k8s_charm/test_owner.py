"""Ownership of objects, and the labels that select them."""

import pytest

from istio_policies import AuthorizationPolicy
from k8s_charm import Owner, label_value


def owned(owner: Owner, namespace: str, mark: str | None = None) -> bool:
    annotations = {} if mark is None else {"charms.canonical.com/mesh.owner": mark}
    metadata = {"name": "p", "namespace": namespace, "annotations": annotations}
    return owner.owns(AuthorizationPolicy.from_dict({"metadata": metadata}))


def test_labels_are_those_of_published_charms():
    assert Owner(app="beacon", model="m").labels("istio-waypoint") == {
        "app.kubernetes.io/instance": "beacon-m",
        "kubernetes-resource-handler-scope": "istio-waypoint",
    }


def test_mark_decides_wherever_object_is():
    owner = Owner(app="a-b", model="c")
    assert owned(owner, "b-c", mark="c.a-b")
    assert not owned(owner, "c", mark="b-c.a")


@pytest.mark.parametrize(
    ("namespace", "ours"), [("c", True), ("elsewhere", True), ("b-c", False), ("a-b-c", True), ("x-c", True)]
)
def test_unmarked_objects_are_ours_by_model(namespace: str, ours: bool):
    assert owned(Owner(app="a-b", model="c"), namespace) is ours


ALIKE = (Owner("a", "b-c-d"), Owner("a-b", "c-d"), Owner("a-b-c", "d"))


def owners(namespace: str, managed_fields: object) -> list[Owner]:
    """Return the applications with the same label that own an object without a mark."""
    own = {"name": "p", "namespace": namespace, "managedFields": managed_fields}
    policy = AuthorizationPolicy.from_dict({"metadata": own})
    return [owner for owner in ALIKE if owner.owns(policy)]


@pytest.mark.parametrize("owner", ALIKE)
def test_unmarked_object_elsewhere_belongs_to_its_manager(owner: Owner):
    fields = [{"manager": owner.app, "operation": "Apply"}, {"manager": "pilot", "subresource": "status"}]
    assert owners("elsewhere", fields) == [owner]


@pytest.mark.parametrize("owner", ALIKE)
def test_unmarked_object_elsewhere_belongs_to_its_last_manager(owner: Owner):
    fields = [
        {"manager": each.app, "operation": "Apply", "time": f"2026-01-0{2 if each is owner else 1}T00:00:00Z"}
        for each in ALIKE
    ]
    assert owners("elsewhere", fields) == [owner]
    assert owners("elsewhere", [*fields, {"manager": "kubectl-edit", "time": "2026-02-01T00:00:00Z"}]) == [
        owner
    ]


@pytest.mark.parametrize(
    "fields",
    [
        None,
        [],
        [{}],
        [{"manager": "kubectl-client-side-apply"}],
        [{"manager": "velero-server"}, {"manager": "pilot", "subresource": "status"}],
        [{"manager": "a-b-c-d"}, {"manager": ""}, {"manager": None}],
        [{"manager": "A"}, {"manager": "b"}, {"manager": "c-d"}],
        [{"manager": "a"}, {"manager": "a-b"}],
        [{"manager": "a", "time": None}, {"manager": "a-b-c", "time": "2026-01-01T00:00:00Z"}],
    ],
)
@pytest.mark.parametrize("namespace", ["elsewhere", "d", "c-d", "b-c-d", "a-b-c-d", "x-d", "a", "-d"])
def test_unmarked_object_has_one_owner(namespace: str, fields: object):
    found = owners(namespace, fields)
    assert len(found) == 1
    assert not {owner.model for owner in ALIKE} & {namespace} or found[0].model == namespace


def test_label_that_is_too_long_is_cut_and_stays_its_own():
    one, other = label_value("x" * 70), label_value("x" * 71)
    assert len(one) == len(other) == 63
    assert one != other
    assert label_value("x" * 63) == "x" * 63


def test_shortened_label_is_valid():
    assert "--" not in label_value("x" * 51 + "-" * 20)
