"""Whose objects are, and by which labels they are found."""

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


@pytest.mark.parametrize(
    ("manager", "owner"), [("a", Owner("a", "b-c")), ("a-b", Owner("a-b", "c")), ("a-b-c", None)]
)
def test_unmarked_object_elsewhere_belongs_to_its_manager(manager: str, owner: Owner | None):
    fields = [{"manager": manager, "operation": "Apply"}, {"manager": "pilot", "subresource": "status"}]
    own = {"name": "p", "namespace": "elsewhere", "managedFields": fields}
    policy = AuthorizationPolicy.from_dict({"metadata": own})
    for candidate in (Owner("a", "b-c"), Owner("a-b", "c")):
        assert candidate.owns(policy) is (owner in (None, candidate))


def test_label_that_is_too_long_is_cut_and_stays_its_own():
    one, other = label_value("x" * 70), label_value("x" * 71)
    assert len(one) == len(other) == 63
    assert one != other
    assert label_value("x" * 63) == "x" * 63


def test_shortened_label_is_valid():
    assert "--" not in label_value("x" * 51 + "-" * 20)
