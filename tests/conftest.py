import importlib.util
import logging
from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import yaml

from sandbox.control_plane import NotAvailableError, RealKubernetes, real_kubernetes
from tests.support import tree
from tests.support.kubernetes_api import UNPRIVILEGED

if TYPE_CHECKING:
    from tests.support.real_server.server import RealServer


@pytest.fixture(scope="session")
def real_cluster() -> Iterator[RealKubernetes]:
    """A real API server that tests share, with a namespace each: a new one, or the one of $KUBECONFIG."""
    try:
        with real_kubernetes(UNPRIVILEGED) as kubernetes:
            yield kubernetes
    except NotAvailableError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def real_server() -> "Iterator[RealServer]":
    """A real API server for the tests alone, with the interface of the stand-in."""
    from tests.support.real_server.server import RealServer

    try:
        with RealServer() as server:
            yield server
    except NotAvailableError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session", autouse=True)
def files_of_the_user() -> Iterator[None]:
    """Check that no test writes into the repository, for example over the page of a demo."""
    before = tree.files()
    yield
    assert tree.files() == before


@pytest.fixture(scope="session", autouse=True)
def arguments_of_tools() -> Iterator[None]:
    """Check in every test that Juju's tools get only valid arguments."""
    if importlib.util.find_spec("scenario") is None:
        yield
        return
    from tests.support.juju_tools import check_every_argument

    with pytest.MonkeyPatch.context() as patch:
        check_every_argument(patch)
        yield


@pytest.fixture(scope="session", autouse=True)
def fast_yaml() -> Iterator[None]:
    """Have Scenario and lightkube use PyYAML's C code: the tests take a fifth less time. Charms do not use
    it.
    """
    fast = SimpleNamespace(
        safe_load=partial(yaml.load, Loader=yaml.CSafeLoader),
        safe_dump=partial(yaml.dump, Dumper=yaml.CSafeDumper),
    )
    with pytest.MonkeyPatch.context() as patch:
        for module in ("scenario._runtime", "scenario.state", "lightkube.config.kubeconfig"):
            if importlib.util.find_spec(module.split(".")[0]):
                patch.setattr(f"{module}.yaml", fast)
        yield


@pytest.fixture(autouse=True)
def log_handlers() -> Iterator[None]:
    """Remove the log handlers of hooks: old releases of ops leave them, and all then get each line."""
    before = logging.root.handlers[:]
    yield
    for handler in logging.root.handlers[:]:
        if handler not in before:
            logging.root.removeHandler(handler)
