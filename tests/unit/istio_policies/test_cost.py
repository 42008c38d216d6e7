"""Costs of importing this library, and of many policies."""

import os
import subprocess
import sys

import pytest
from lightkube import Client

from istio_policies import list_policies
from k8s_charm import Deadline, metadata
from sandbox.kubernetes import KubernetesServer
from tests.support.policies import LABELS, OWNER, policy, requests_for
from tests.support.reconciling import reconcile_policies


def test_import_does_not_load_lightkube():
    program = "import istio_policies, sys; sys.exit('lightkube' in sys.modules)"
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode == 0


def test_thousand_unchanged_policies_are_one_request(client: Client, kubernetes: KubernetesServer):
    policies = [policy(80, source_app_name=f"app-{number}") for number in range(1000)]
    assert (
        len(
            reconcile_policies(client, requests_for(policies), labels=LABELS, owner=OWNER, seconds=60).created
        )
        == 1000
    )
    kubernetes.requests.clear()
    assert reconcile_policies(client, requests_for(policies), labels=LABELS, owner=OWNER).unchanged == 1000
    assert [each.method for each in kubernetes.requests] == ["GET"]


@pytest.mark.parametrize("part", ["annotations", "labels"])
def test_listed_policies_share_what_is_equal(client: Client, part: str):
    policies = [policy(80, source_app_name=f"app-{number}") for number in range(20)]
    reconcile_policies(client, requests_for(policies), labels=LABELS, owner=OWNER, seconds=60)
    live = list_policies(client, LABELS, OWNER, Deadline(60))
    parts = [metadata(each)[part] for each in live.objects.values() if metadata(each).get(part)]
    assert len({id(each) for each in parts}) == len({repr(each) for each in parts})
