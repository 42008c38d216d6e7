import importlib.util
import logging
import pickle
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

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


def _once(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function that is called once with each argument; each caller gets a copy of the result."""

    @lru_cache(maxsize=500)
    def pickled(argument: bytes) -> bytes:
        return pickle.dumps(function(pickle.loads(argument)))

    def call(argument: Any) -> Any:
        content = argument.read() if hasattr(argument, "read") else argument
        return pickle.loads(pickled(pickle.dumps(content)))

    return call


@pytest.fixture(scope="session", autouse=True)
def fast_yaml() -> Iterator[None]:
    """Have ops, Scenario and lightkube use PyYAML's C code, once for each text: most hooks have the same.

    Charms do not use it.
    """
    fast = SimpleNamespace(
        safe_load=_once(partial(yaml.load, Loader=yaml.CSafeLoader)),
        safe_dump=_once(partial(yaml.dump, Dumper=yaml.CSafeDumper)),
    )
    modules = ("ops.charm", "ops_tracing._backend", "scenario._runtime", "scenario.state")
    with pytest.MonkeyPatch.context() as patch:
        for module in (*modules, "lightkube.config.kubeconfig"):
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


@pytest.fixture(autouse=True)
def tracing_patches(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """End patches of Scenario for charms that cannot be built; garbage collection would, in a later test."""
    if not importlib.util.find_spec("ops_tracing"):
        yield
        return
    from ops_tracing import _mock

    started: list[Any] = []
    patch_tracing = _mock.patch_tracing

    def remembered() -> Any:
        started.append(patch_tracing())
        return started[-1]

    monkeypatch.setattr(_mock, "patch_tracing", remembered)
    yield
    for each in reversed(started):
        each.gen.close()
