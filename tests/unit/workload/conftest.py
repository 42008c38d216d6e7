from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.support.workload_process import HOST, Workload, free_port
from tests.unit.workload.backends import Backend

Start = Callable[..., Workload]


def _starter(folder: Path) -> Iterator[Start]:
    started: list[Workload] = []
    numbers = count()

    def start(roles: str, *, ready: bool = True, listen: str = HOST, **config: Any) -> Workload:
        content = {"port": free_port(), "stores": [], **config}
        workload = Workload(folder / f"config-{next(numbers)}.yaml", roles, content, listen)
        started.append(workload)
        return workload.wait_until_ready() if ready else workload

    yield start
    for workload in started:
        workload.kill()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts workloads that end with the test."""
    yield from _starter(tmp_path)


@pytest.fixture(scope="module")
def start_for_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts workloads that several tests share."""
    yield from _starter(tmp_path_factory.mktemp("workloads"))


@pytest.fixture
def backend() -> Iterator[Backend]:
    """A telemetry backend."""
    backend = Backend()
    yield backend
    backend.close()
