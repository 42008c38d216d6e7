"""Istio for all tests, and the tools for observing it."""

import asyncio
import os
import shlex
import subprocess
from collections.abc import Iterator

import pytest
from lightkube import Client
from pytest_operator.plugin import OpsTest

from tests.support.deployed.cluster import Cluster
from tests.support.deployed.packed import charm_file, images
from tests.support.deployed.traffic import Visitor

ISTIO_MODEL = "istio-system"
ISTIO_OPTIONS = "ISTIO_OPTIONS"
"""Names, in the environment, options for `juju deploy istio-k8s`: its channel, its configuration."""

TESTER = "mesh-tester-k8s"


@pytest.fixture(scope="session", autouse=True)
def istio() -> Iterator[None]:
    """Istio, deployed once; an existing model `istio-system` is used as it is."""
    options = shlex.split(os.environ.get(ISTIO_OPTIONS, "--channel=2/stable"))
    if _juju("show-model", ISTIO_MODEL, check=False) == 0:
        yield
        return
    _juju("add-model", ISTIO_MODEL, "--no-switch")
    _juju("deploy", "istio-k8s", "--model", ISTIO_MODEL, "--trust", *options)
    active = 'life=="alive" && status=="active"'
    _juju(
        "wait-for", "application", "istio-k8s", "--model", ISTIO_MODEL, "--timeout=15m", f"--query={active}"
    )
    yield
    _juju("destroy-model", ISTIO_MODEL, "--no-prompt", "--force", "--no-wait", "--destroy-storage")


def _juju(*arguments: str, check: bool = True) -> int:
    return subprocess.run(["juju", *arguments], check=check).returncode


@pytest.fixture(scope="session")
def kubernetes() -> Client:
    return Client()


@pytest.fixture
def cluster(ops_test: OpsTest, kubernetes: Client) -> Cluster:
    """The test model's namespace."""
    assert ops_test.model_name
    return Cluster(kubernetes, ops_test.model_name)


class Deployment:
    """The test model, with operations that several tests use."""

    def __init__(self, ops_test: OpsTest):
        assert ops_test.model
        assert ops_test.model_name
        self.model = ops_test.model
        self.name = ops_test.model_name

    async def deploy(self, charm: str, app: str, *, units: int = 1, **config: object) -> None:
        """Deploy one of our charms."""
        await self.model.deploy(
            charm_file(charm),
            application_name=app,
            num_units=units,
            resources=images(charm),
            config=config,
            trust=True,
        )

    async def deploy_testers(self, *apps: str) -> None:
        """Deploy several testers."""
        await asyncio.gather(*(self.deploy(TESTER, app) for app in apps))

    async def integrate(self, *pairs: tuple[str, str]) -> None:
        """Integrate pairs of endpoints."""
        for one, other in pairs:
            await self.model.integrate(one, other)

    async def settle(self, *apps: str, units: int | None = None) -> None:
        """Wait until applications are active and nothing happens to them any more; all, if none is named."""
        await self.model.wait_for_idle(
            apps=apps or None, status="active", timeout=900, idle_period=30, wait_for_exact_units=units
        )

    def visitor(self, app: str) -> Visitor:
        """The first unit of a tester, to make requests from."""
        return Visitor(self.model.applications[app].units[0])


@pytest.fixture
def deployment(ops_test: OpsTest) -> Deployment:
    return Deployment(ops_test)
