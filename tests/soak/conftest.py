import contextlib
from collections.abc import Iterator

import pytest

from sandbox.kubernetes import KubernetesServer
from tests.soak.story import Story, fresh
from tests.support.without_connections import without_connections


@pytest.fixture(scope="session")
def kubernetes() -> Iterator[KubernetesServer]:
    with KubernetesServer() as kubernetes, without_connections(kubernetes):
        yield kubernetes


@pytest.fixture
def story(kubernetes: KubernetesServer) -> Iterator[Story]:
    with contextlib.closing(fresh(kubernetes)) as story:
        yield story
