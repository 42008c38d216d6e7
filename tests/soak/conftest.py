from collections.abc import Iterator

import pytest

from sandbox.kubernetes import KubernetesServer
from tests.soak.story import Story


@pytest.fixture(scope="session")
def kubernetes() -> Iterator[KubernetesServer]:
    with KubernetesServer() as kubernetes:
        yield kubernetes


@pytest.fixture
def story(kubernetes: KubernetesServer) -> Iterator[Story]:
    kubernetes.store.reset()
    kubernetes.requests.clear()
    story = Story(kubernetes)
    yield story
    story.close()
