"""Requests that Kubernetes rejects need an operator; temporary failures resolve themselves."""

import pytest

from k8s_charm import Failure, ObjectRef
from tests.support.charms import load_charm

load_charm("istio-beacon-k8s")
import kubernetes_problems  # noqa: E402 - a module of the charm, found once that is loaded
import problems  # noqa: E402 - likewise

pytestmark = pytest.mark.kubernetes

POLICY = ObjectRef("AuthorizationPolicy", "shop", "web")


@pytest.mark.parametrize(
    ("verb", "code", "expected"),
    [
        ("create", 403, "blocked"),
        ("create", 422, "blocked"),
        ("create", 404, "blocked"),
        ("create", 409, "blocked"),
        ("list", 404, "blocked"),
        ("update", 409, "waiting"),
        ("create", 429, "waiting"),
        ("delete", 500, "waiting"),
        ("list", 503, "waiting"),
        ("create", None, "waiting"),
    ],
)
def test_a_failure_is(verb: str, code: int | None, expected: str):
    (problem,) = kubernetes_problems.problems_of([Failure(POLICY, verb, code, "why")], "beacon")
    assert problem.status.name == expected


def test_failure_for_an_operator_is_shown_first():
    failures = [Failure(POLICY, "update", 500, "broken"), Failure(POLICY, "create", 422, "invalid")]
    status = problems.status(kubernetes_problems.problems_of(failures, "beacon"), "beacon/0")
    assert status.name == "blocked"
    assert status.message == "AuthorizationPolicy shop/web: invalid (and 1 more: juju run beacon/0 plan)"


def test_equal_failures_are_shown_once():
    failures = [Failure(ObjectRef("Gateway", "shop", ""), "list", 404, "not installed")] * 9
    (problem,) = kubernetes_problems.problems_of(failures, "beacon")
    assert str(problem.message) == "Gateway CRD not installed: deploy istio-k8s"


def test_equal_failures_of_steps_are_shown_once():
    found = [problems.blocked("why", kind) for kind in problems.ProblemKind]
    assert problems.status(found, "beacon/0").message == "why"
    assert problems.log_news(found, []) == ["why"]


def test_no_answer_to_a_question_ends_the_asking():
    failure = Failure(ObjectRef("Gateway", "shop", ""), "list", None, "no answer from Kubernetes")
    with pytest.raises(kubernetes_problems.KubernetesUnavailableError, match="no answer from Kubernetes"):
        kubernetes_problems.problems_of([failure], "beacon")
