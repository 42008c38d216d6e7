"""A model with the beacon from Charmhub, refreshed to ours."""

import os

import pytest

from tests.integration.conftest import Deployment
from tests.support.deployed.cluster import Cluster
from tests.support.deployed.packed import PUBLISHED_PLATFORM, charm_file, images
from tests.support.deployed.traffic import service

BEACON, SERVER, CLIENT, UNRELATED = "beacon", "server", "client", "unrelated"
TESTERS = (SERVER, CLIENT, UNRELATED)

PUBLISHED_CHANNEL = os.environ.get("BEACON_CHANNEL", "2/stable")


@pytest.mark.abort_on_fail
async def test_published_beacon_works(deployment: Deployment, cluster: Cluster):
    await deployment.model.deploy(
        "istio-beacon-k8s", application_name=BEACON, channel=PUBLISHED_CHANNEL, trust=True
    )
    await deployment.deploy_testers(*TESTERS)
    await deployment.integrate(*((f"{app}:service-mesh", f"{BEACON}:service-mesh") for app in TESTERS))
    await deployment.integrate((f"{CLIENT}:visits", f"{SERVER}:web"))
    await deployment.settle()
    assert cluster.allows(CLIENT, SERVER)


@pytest.mark.abort_on_fail
async def test_published_beacon_is_refreshed_to_ours(deployment: Deployment):
    name = "istio-beacon-k8s"
    beacon = deployment.model.applications[BEACON]
    await beacon.refresh(path=charm_file(name, PUBLISHED_PLATFORM), resources=images(name))
    await deployment.settle()


async def test_allowed_and_denied_stay_the_same(deployment: Deployment, cluster: Cluster):
    assert cluster.allows(CLIENT, SERVER)
    assert not cluster.allows(UNRELATED, SERVER)
    url = service(SERVER, deployment.name, 8080, "/open")
    await deployment.visitor(CLIENT).sees(url, allowed=True)
    await deployment.visitor(UNRELATED).sees(url, allowed=False)


async def test_applications_stay_behind_the_same_waypoint(cluster: Cluster):
    for app in TESTERS:
        for labels in cluster.pod_labels(app):
            assert labels["istio.io/use-waypoint"] == f"{cluster.model}-{BEACON}-waypoint"


async def test_removed_relation_removes_policies_of_published_beacon(
    deployment: Deployment, cluster: Cluster
):
    await deployment.model.applications[SERVER].remove_relation("web", f"{CLIENT}:visits")
    await deployment.settle()
    assert not cluster.allows(CLIENT, SERVER)
