"""The real control plane, for tests that hold the stand-in, the charms and their objects against it."""

from collections.abc import Iterator

import pytest

from sandbox.control_plane import (
    Istiod,
    NotAvailableError,
    RealKubernetes,
    StartedKubernetes,
)
from tests.support.kubernetes_api import UNPRIVILEGED


@pytest.fixture(scope="session")
def kubernetes(real_cluster: RealKubernetes) -> RealKubernetes:
    """The shared API server with all CRDs."""
    real_cluster.install_custom_resources()
    return real_cluster


@pytest.fixture(scope="session")
def istiod(kubernetes: RealKubernetes) -> Iterator[Istiod]:
    """The real istiod on that API server."""
    try:
        with Istiod(kubernetes) as istiod:
            yield istiod
    except NotAvailableError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def disposable() -> Iterator[StartedKubernetes]:
    """An API server for one test alone, whatever $KUBECONFIG is: nothing else uses it."""
    try:
        with StartedKubernetes(UNPRIVILEGED) as kubernetes:
            yield kubernetes
    except NotAvailableError as missing:
        pytest.skip(str(missing))
