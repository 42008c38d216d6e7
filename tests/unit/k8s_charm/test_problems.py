"""Messages for operators about failed requests."""

import pytest
from lightkube import Client
from lightkube.resources.core_v1 import ConfigMap

from istio_policies import Gateway
from k8s_charm import Failure, ObjectRef, kubernetes_errors, kubernetes_problem
from sandbox.kubernetes import KubernetesServer
from tests.support.policies import LABELS, OWNER, policy, requests_for
from tests.support.reconciling import reconcile, reconcile_policies


def test_without_trust_the_command_that_gives_it_is_named(client: Client, kubernetes: KubernetesServer):
    kubernetes.access.deny(resources=["authorizationpolicies"])
    (failure,) = reconcile_policies(client, requests_for([policy(1)]), labels=LABELS, owner=OWNER).failed
    assert str(kubernetes_problem(failure, app="mesh")) == (
        "missing permissions: run juju trust mesh --scope=cluster"
    )


def test_missing_crd_is_named_with_remedy(client: Client, kubernetes: KubernetesServer):
    kubernetes.store.uninstall_custom_resources()
    gateway = Gateway.from_dict({"metadata": {"name": "w", "namespace": "m"}})
    (failure,) = reconcile(client, [gateway], [Gateway]).failed
    assert str(kubernetes_problem(failure, app="mesh")) == "Gateway CRD not installed: deploy istio-k8s"


def test_other_denials_are_no_missing_permission():
    ref = ObjectRef("ConfigMap", "m", "a")
    for reason in ("the model or namespace is being removed", "rejected by Kubernetes (by a webhook)"):
        assert (
            str(kubernetes_problem(Failure(ref, "create", 403, reason), app="mesh"))
            == f"ConfigMap m/a: {reason}"
        )


def test_exception_has_the_words_of_a_failure(client: Client, kubernetes: KubernetesServer):
    kubernetes.access.deny(verbs=["get"])
    with pytest.raises(kubernetes_errors()) as caught:
        client.get(ConfigMap, "a")
    assert "juju trust mesh" in str(kubernetes_problem(caught.value, app="mesh"))


def test_unreachable_api_raises_known_error(connect, kubernetes: KubernetesServer):
    client = connect("beacon")
    client.config.cluster.server = "http://127.0.0.1:1"
    unreachable = Client(client.config)
    with pytest.raises(kubernetes_errors()) as caught:
        unreachable.get(ConfigMap, "a")
    assert str(kubernetes_problem(caught.value, app="mesh")).startswith("no answer from Kubernetes")


def test_foreign_object_is_named_with_the_remedy():
    ref = ObjectRef("Gateway", "m", "w")
    taken = Failure(ref, "create", 409, "already managed by kubectl")
    assert str(kubernetes_problem(taken, app="mesh")) == (
        "Gateway m/w: already managed by kubectl: remove it"
    )
