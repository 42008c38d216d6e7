"""Worlds that do not depend on the environment of the tests."""

from collections.abc import Generator
from contextlib import contextmanager

import pytest

from sandbox.samples import PEER_PYTHON
from sandbox.world import World, open_world


@contextmanager
def own_world() -> Generator[World]:
    """A hardened world with its own stand-in, whose charms all use our libraries."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("KUBECONFIG", raising=False)
        environment.delenv(PEER_PYTHON, raising=False)
        with open_world(enforcing=True) as world:
            yield world
