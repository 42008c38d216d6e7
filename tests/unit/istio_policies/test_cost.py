"""What it costs to have this library, and many policies."""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence

import pytest
from lightkube import Client
from lightkube.resources.core_v1 import ConfigMap

from istio_policies import reconcile_policies
from k8s_charm import Resource, reconcile
from sandbox.kubernetes import KubernetesServer
from tests.support.policies import LABELS, OWNER, asked, policy


def test_whoever_needs_only_the_names_does_not_pay_for_lightkube():
    program = "import istio_policies, sys; sys.exit('lightkube' in sys.modules)"
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode == 0


def test_a_thousand_unchanged_policies_are_one_request(client: Client, kubernetes: KubernetesServer):
    policies = [policy(80, source_app_name=f"app-{number}") for number in range(1000)]
    assert (
        len(reconcile_policies(client, asked(policies), labels=LABELS, owner=OWNER, timeout=60).created)
        == 1000
    )
    kubernetes.requests.clear()
    assert reconcile_policies(client, asked(policies), labels=LABELS, owner=OWNER).unchanged == 1000
    assert [each.method for each in kubernetes.requests] == ["GET"]


@pytest.fixture
def collector() -> Iterator[None]:
    yield
    gc.enable()


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize("was_enabled", [True, False])
@pytest.mark.parametrize("error", [None, ValueError])
def test_no_garbage_is_looked_for_among_what_is_compared_and_then_as_before(
    client: Client, was_enabled: bool, error: type[Exception] | None
):
    during: list[bool] = []

    def wanted(_: Sequence[Resource]) -> list[Resource]:
        during.append(gc.isenabled())
        if error:
            raise error
        return []

    (gc.enable if was_enabled else gc.disable)()
    try:
        reconcile(client, wanted, owned_by_labels=LABELS, kinds=[ConfigMap])
    except ValueError:
        assert error
    assert during == [False]
    assert gc.isenabled() is was_enabled
