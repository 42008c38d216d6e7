from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.juju import Controller, Model
from sandbox.tests.small_charms import WriteCharm, charm_writer


@pytest.fixture
def write_charm(tmp_path: Path) -> WriteCharm:
    return charm_writer(tmp_path / "charms")


@pytest.fixture
def juju() -> Iterator[Controller]:
    with Controller(on_log=print) as controller:
        yield controller


@pytest.fixture
def model(juju: Controller) -> Model:
    return juju.add_model("shop")
