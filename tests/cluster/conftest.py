"""The real control plane, for tests that hold the stand-in, the charms and their objects against it."""

from collections.abc import Iterator

import pytest

from sandbox.control_plane import (
    Istiod,
    NotAvailableError,
    RealKubernetes,
    StartedKubernetes,
    real_kubernetes,
)

USERS = ("stranger",)


@pytest.fixture(scope="session")
def kubernetes() -> Iterator[RealKubernetes]:
    """A real API server with all CRDs: one started for the tests, or the cluster of $KUBECONFIG."""
    try:
        with real_kubernetes(*USERS) as kubernetes:
            kubernetes.install_custom_resources()
            yield kubernetes
    except NotAvailableError as missing:
        pytest.skip(str(missing))


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
    """An API server of a test's own, whatever $KUBECONFIG says: nothing done to it hurts anybody."""
    try:
        with StartedKubernetes(*USERS) as kubernetes:
            yield kubernetes
    except NotAvailableError as missing:
        pytest.skip(str(missing))
