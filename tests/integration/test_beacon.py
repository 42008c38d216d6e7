"""Requests in a model with a beacon: those of relations are allowed, and no others."""

import pytest

from tests.integration.conftest import Deployment
from tests.support.deployed.cluster import Cluster
from tests.support.deployed.traffic import pod, service

BEACON, SERVER, CLIENT, UNRELATED = "beacon", "server", "client", "unrelated"
# Related to the server all the time: a workload without a policy is open to all.
REGULAR = "regular"
TESTERS = (SERVER, CLIENT, REGULAR, UNRELATED)


@pytest.fixture
def waypoint(cluster: Cluster) -> str:
    return f"{cluster.model}-{BEACON}-waypoint"


@pytest.mark.abort_on_fail
async def test_everything_becomes_active(deployment: Deployment):
    await deployment.deploy("istio-beacon-k8s", BEACON)
    await deployment.deploy_testers(*TESTERS)
    await deployment.settle()


@pytest.mark.abort_on_fail
async def test_without_mesh_everybody_gets_everywhere(deployment: Deployment):
    url = service(SERVER, deployment.name, 8080, "/closed")
    await deployment.visitor(UNRELATED).sees(url, allowed=True)


@pytest.mark.abort_on_fail
async def test_applications_join_mesh(deployment: Deployment, cluster: Cluster, waypoint: str):
    await deployment.integrate(*((f"{app}:service-mesh", f"{BEACON}:service-mesh") for app in TESTERS))
    await deployment.integrate(*((f"{app}:visits", f"{SERVER}:web") for app in (CLIENT, REGULAR)))
    await deployment.settle()
    for app in TESTERS:
        for labels in cluster.pod_labels(app):
            assert labels["istio.io/dataplane-mode"] == "ambient"
            assert labels["istio.io/use-waypoint"] == waypoint


async def test_a_relation_is_a_policy(cluster: Cluster):
    assert cluster.allows(CLIENT, SERVER)
    assert not cluster.allows(UNRELATED, SERVER)
    assert not cluster.allows(SERVER, CLIENT)


async def test_related_application_gets_declared_requests(deployment: Deployment):
    client = deployment.visitor(CLIENT)
    for path in ("/open", "/open/more/"):
        seen = await client.sees(service(SERVER, deployment.name, 8080, path), allowed=True)
        assert seen.code == 200


async def test_related_application_gets_nothing_else(deployment: Deployment):
    client, model = deployment.visitor(CLIENT), deployment.name
    await client.sees(service(SERVER, model, 8080, "/closed"), allowed=False)
    await client.sees(service(SERVER, model, 8080, "/open"), method="POST", body="x", allowed=False)
    await client.sees(service(SERVER, model, 9100, "/open"), allowed=False)


async def test_each_pod_is_open_where_relation_is_for_pods(deployment: Deployment):
    url = pod(f"{SERVER}/0", deployment.name, 9100)
    await deployment.visitor(CLIENT).sees(url, allowed=True)
    await deployment.visitor(UNRELATED).sees(url, allowed=False)


async def test_unrelated_application_is_denied(deployment: Deployment):
    unrelated, model = deployment.visitor(UNRELATED), deployment.name
    await unrelated.sees(service(SERVER, model, 8080, "/open"), allowed=False)
    await unrelated.sees(pod(f"{SERVER}/0", model, 8080, "/open"), allowed=False)


async def test_relation_that_goes_takes_its_policy_along(deployment: Deployment, cluster: Cluster):
    await deployment.model.applications[SERVER].remove_relation("web", f"{CLIENT}:visits")
    await deployment.settle()
    assert not cluster.allows(CLIENT, SERVER)
    assert cluster.allows(REGULAR, SERVER)
    url = service(SERVER, deployment.name, 8080, "/open")
    await deployment.visitor(CLIENT).sees(url, allowed=False)


async def test_related_again_is_allowed_again(deployment: Deployment):
    await deployment.integrate((f"{CLIENT}:visits", f"{SERVER}:web"))
    await deployment.settle()
    url = service(SERVER, deployment.name, 8080, "/open")
    await deployment.visitor(CLIENT).sees(url, allowed=True)


async def test_new_units_have_the_same_policies(deployment: Deployment):
    await deployment.model.applications[SERVER].scale(2)
    await deployment.settle(SERVER, units=2)
    url = pod(f"{SERVER}/1", deployment.name, 9100)
    await deployment.visitor(CLIENT).sees(url, allowed=True)
    await deployment.visitor(UNRELATED).sees(url, allowed=False)


async def test_waypoint_scales_with_beacon(deployment: Deployment, cluster: Cluster, waypoint: str):
    assert cluster.waypoint_replicas(waypoint) == 1
    await deployment.model.applications[BEACON].scale(2)
    await deployment.settle(BEACON, units=2)
    assert cluster.waypoint_replicas(waypoint) == 2


async def test_policies_that_are_not_managed_go(deployment: Deployment, cluster: Cluster):
    beacon = deployment.model.applications[BEACON]
    await beacon.set_config({"manage-authorization-policies": "false"})
    await deployment.settle(BEACON)
    assert not cluster.allows(CLIENT, SERVER)
    await beacon.set_config({"manage-authorization-policies": "true"})
    await deployment.settle(BEACON)
    assert cluster.allows(CLIENT, SERVER)


async def test_removed_beacon_leaves_nothing_behind(deployment: Deployment, cluster: Cluster, waypoint: str):
    await deployment.model.remove_application(BEACON, block_until_done=True, timeout=900)
    await deployment.settle(*TESTERS)
    assert cluster.policies() == []
    assert cluster.waypoint_replicas(waypoint) is None
    for app in TESTERS:
        for labels in cluster.pod_labels(app):
            assert "istio.io/use-waypoint" not in labels
    url = service(SERVER, deployment.name, 8080, "/closed")
    await deployment.visitor(UNRELATED).sees(url, allowed=True)
