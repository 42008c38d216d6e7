"""The API that the contract is checked on: the stand-in, or a real one if $CONTROL_PLANE is `real`."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from lightkube import Client

from sandbox.control_plane import RealKubernetes
from sandbox.kubernetes import KubernetesServer
from tests.support.kubernetes_api import UNPRIVILEGED, Api, Namespace

CLIENTS = {"client", "unprivileged"}
"""The fixtures that are clients of lightkube."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that do not use lightkube: their results do not depend on its version."""
    for item in items:
        if Path(__file__).parent in item.path.parents and CLIENTS.isdisjoint(item.fixturenames):
            item.add_marker(pytest.mark.fidelity)


@pytest.fixture(scope="session")
def api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("kubeconfigs")
    if os.environ.get("CONTROL_PLANE") == "real":
        real: RealKubernetes = request.getfixturevalue("real_cluster")
        real.install_custom_resources("security.istio.io", "gateway.networking.k8s.io")
        yield Api(real.write_kubeconfig, real.user_name(UNPRIVILEGED), folder)
        return
    with KubernetesServer() as stand_in:
        # The contract is with an API server alone, without controllers.
        stand_in.controllers.waypoints.stop()
        stand_in.controllers.policies.stop()
        stand_in.access.deny(users=[UNPRIVILEGED])
        yield Api(stand_in.write_kubeconfig, UNPRIVILEGED, folder)


@pytest.fixture
def namespace(api: Api) -> Iterator[Namespace]:
    """A namespace of the test's own."""
    name = f"contract-{uuid.uuid4().hex[:8]}"
    connection = api.connection()
    connection.must("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    yield Namespace(api, connection, name)
    connection.send("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def client(namespace: Namespace) -> Client:
    """A lightkube client whose default namespace it is."""
    return namespace.client()
