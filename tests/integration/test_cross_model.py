"""A server that an application of another model uses."""

from collections.abc import AsyncIterator

import pytest
from juju.model import Model
from pytest_operator.plugin import OpsTest

from tests.integration.conftest import TESTER, Deployment
from tests.support.deployed.cluster import Cluster
from tests.support.deployed.packed import charm_file, images
from tests.support.deployed.traffic import Visitor, service

BEACON, SERVER, CLIENT, UNRELATED = "beacon", "server", "client", "unrelated"


@pytest.fixture(scope="module")
async def elsewhere(ops_test: OpsTest) -> AsyncIterator[Model]:
    """Another model of the same controller."""
    yield await ops_test.track_model("elsewhere")
    await ops_test.forget_model("elsewhere", timeout=600)


@pytest.mark.abort_on_fail
async def test_both_models_have_a_mesh(deployment: Deployment, elsewhere: Model):
    await deployment.deploy("istio-beacon-k8s", BEACON)
    await deployment.deploy_testers(SERVER)
    await deployment.integrate((f"{SERVER}:service-mesh", f"{BEACON}:service-mesh"))
    for charm, app in (("istio-beacon-k8s", BEACON), (TESTER, CLIENT), (TESTER, UNRELATED)):
        await elsewhere.deploy(charm_file(charm), application_name=app, resources=images(charm), trust=True)
    for app in (CLIENT, UNRELATED):
        await elsewhere.integrate(f"{app}:service-mesh", f"{BEACON}:service-mesh")
    await deployment.settle()
    await elsewhere.wait_for_idle(status="active", timeout=900, idle_period=30)


@pytest.mark.abort_on_fail
async def test_offer_lets_the_other_model_in(deployment: Deployment, elsewhere: Model, cluster: Cluster):
    for endpoint in ("web", "provide-cmr-mesh"):
        await deployment.model.create_offer(f"{SERVER}:{endpoint}", offer_name=f"{SERVER}-{endpoint}")
        await elsewhere.consume(f"admin/{deployment.name}.{SERVER}-{endpoint}")
    await elsewhere.integrate(f"{CLIENT}:visits", f"{SERVER}-web")
    await elsewhere.integrate(f"{CLIENT}:require-cmr-mesh", f"{SERVER}-provide-cmr-mesh")
    await deployment.settle()
    await elsewhere.wait_for_idle(status="active", timeout=900, idle_period=30)
    assert cluster.allows(CLIENT, SERVER, source_model=elsewhere.name)


async def test_requests_come_through_from_related_application_only(deployment: Deployment, elsewhere: Model):
    url = service(SERVER, deployment.name, 8080, "/open")
    await Visitor(elsewhere.applications[CLIENT].units[0]).sees(url, allowed=True)
    await Visitor(elsewhere.applications[UNRELATED].units[0]).sees(url, allowed=False)
