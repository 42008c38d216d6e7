"""A coordinator and its workers in the mesh."""

import pytest

from tests.integration.conftest import Deployment
from tests.support.deployed.cluster import Cluster
from tests.support.deployed.traffic import pod, service

BEACON, KV, FRONT, BACK, CLIENT, UNRELATED = "beacon", "kv", "front", "back", "client", "unrelated"
API, TELEMETRY = 8080, 3300


@pytest.mark.abort_on_fail
async def test_everything_becomes_active(deployment: Deployment):
    await deployment.deploy("istio-beacon-k8s", BEACON)
    await deployment.deploy("demo-coordinator-k8s", KV)
    await deployment.deploy("demo-worker-k8s", FRONT, **{"role-api": True})
    await deployment.deploy("demo-worker-k8s", BACK, units=2, **{"role-store": True})
    await deployment.deploy_testers(CLIENT, UNRELATED)
    await deployment.integrate(
        (f"{KV}:demo-cluster", f"{FRONT}:demo-cluster"),
        (f"{KV}:demo-cluster", f"{BACK}:demo-cluster"),
        (f"{CLIENT}:kv-api", f"{KV}:kv-api"),
    )
    await deployment.settle()


@pytest.mark.abort_on_fail
async def test_the_whole_cluster_joins_mesh_by_its_coordinator(deployment: Deployment, cluster: Cluster):
    await deployment.integrate(
        *((f"{app}:service-mesh", f"{BEACON}:service-mesh") for app in (KV, CLIENT, UNRELATED))
    )
    await deployment.settle()
    for app in (KV, FRONT, BACK):
        for labels in cluster.pod_labels(app):
            assert labels["istio.io/dataplane-mode"] == "ambient"
            assert labels["app.kubernetes.io/part-of"] == KV


async def test_related_application_stores_and_finds_values(deployment: Deployment):
    client = deployment.visitor(CLIENT)
    url = service(KV, deployment.name, API, "/kv/colour")
    await client.sees(url, method="PUT", body="red", allowed=True)
    assert (await client.sees(url, allowed=True)).body == "red"


async def test_related_application_may_not_delete(deployment: Deployment):
    url = service(KV, deployment.name, API, "/kv/colour")
    await deployment.visitor(CLIENT).sees(url, method="DELETE", allowed=False)


async def test_worker_is_reached_through_coordinator_only(deployment: Deployment):
    for app in (CLIENT, UNRELATED):
        for unit in (f"{FRONT}/0", f"{BACK}/0"):
            url = pod(unit, deployment.name, API, "/kv/colour")
            await deployment.visitor(app).sees(url, allowed=False)


async def test_telemetry_of_workers_is_not_for_everybody(deployment: Deployment):
    url = service(KV, deployment.name, TELEMETRY, f"/proxy/worker/{FRONT}-0/metrics")
    await deployment.visitor(UNRELATED).sees(url, allowed=False)


async def test_workers_come_and_go(deployment: Deployment):
    await deployment.model.applications[FRONT].scale(2)
    await deployment.settle(FRONT, units=2)
    await deployment.settle(KV, BACK)
    client, url = deployment.visitor(CLIENT), service(KV, deployment.name, API, "/kv/shape")
    await client.sees(url, method="PUT", body="round", allowed=True)
    await deployment.model.applications[FRONT].scale(1)
    await deployment.settle(FRONT, units=1)
    assert (await client.sees(url, allowed=True)).code in (200, 404)


async def test_cluster_that_leaves_mesh_leaves_no_policy(deployment: Deployment, cluster: Cluster):
    await deployment.model.applications[KV].remove_relation("service-mesh", f"{BEACON}:service-mesh")
    await deployment.settle()
    assert not cluster.allows(FRONT, KV)
    assert not cluster.allows(CLIENT, KV)
    for labels in cluster.pod_labels(BACK):
        assert "istio.io/dataplane-mode" not in labels
