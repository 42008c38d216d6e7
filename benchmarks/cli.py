"""`python -m benchmarks`: which measurements are made, and where they go."""

import enum
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from . import (
    coordinators,
    hook_tools,
    kubernetes_apis,
    nginx_process,
    policies,
    report,
    sides,
    start_up,
    telemetry,
)
from .findings import OURS, PEERS, Findings, as_json
from .kubernetes_apis import KubernetesApi

_DEFAULT_JSON = sides.ROOT / "build" / "benchmarks.json"
_LATENCY = 0.003


class Topic(str, enum.Enum):
    """What is measured."""

    policies = "policies"
    hook_tools = "hook-tools"
    coordinator = "coordinator"
    start_up = "start-up"
    telemetry = "telemetry"


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    rounds: int
    policies: tuple[int, ...]
    relations: tuple[int, ...]
    workers: tuple[int, ...]
    seconds_of_load: float
    long_rounds: int
    """Of sizes from `long_from` on."""
    long_from: int = 10_000
    peers_up_to: int = 10_000
    """Policies; with more the peers take too long."""
    every_api: bool = True

    def rounds_of(self, size: int) -> dict[str, int]:
        """Side to how often hooks with so many policies are run."""
        if size < self.long_from:
            return {OURS: self.rounds, PEERS: self.rounds}
        return {OURS: self.long_rounds, PEERS: 1 if size <= self.peers_up_to else 0}


_TINY = Extent(1, (3,), (2,), (2,), 0.2, 1, every_api=False)
_QUICK = Extent(3, (10, 100, 1000), (10, 100), (10, 100), 2, 1)
_FULL = Extent(7, (10, 100, 1000, 10_000), (10, 100), (10, 100, 500), 4, 3)


class Size(str, enum.Enum):
    """How long it may take."""

    tiny = "tiny"
    quick = "quick"
    full = "full"


_EXTENTS = {Size.tiny: _TINY, Size.quick: _QUICK, Size.full: _FULL}


class _Bench:
    """One run of the benchmarks."""

    def __init__(self, console: Console, extent: Extent):
        self.findings = Findings()
        self.extent = extent
        self.sides = [side for side in (sides.ours(), sides.peers()) if side]
        self._console = console

    def apis(self) -> Iterator[KubernetesApi]:
        """The Kubernetes APIs that are measured against, one after the other."""
        starts: list[Callable[[], AbstractContextManager[KubernetesApi]]] = [
            partial(kubernetes_apis.stand_in, 0)
        ]
        if self.extent.every_api:
            starts.append(partial(kubernetes_apis.stand_in, _LATENCY))
            if kubernetes_apis.has_kube_apiserver():
                starts += [
                    partial(kubernetes_apis.kube_apiserver, 0),
                    partial(kubernetes_apis.kube_apiserver, _LATENCY),
                ]
        for start in starts:
            with start() as api:
                yield api

    @contextmanager
    def topic(self, name: str) -> Iterator[Callable[[str], None]]:
        """Show what is done, and at the end what it gave."""
        with self._console.status(name) as status:

            def tell(text: str) -> None:
                status.update(f"{name}: {text}")

            yield tell
        report.show(self._console, name, self.findings.of(name))

    def measure_policies(self) -> None:
        extent, ours = self.extent, self.sides[0]
        with self.topic(policies.TOPIC) as tell:
            for api in self.apis():
                for size in extent.policies:
                    rounds = extent.rounds_of(size)
                    policies.measure(self.findings, api, self.sides, size=size, rounds=rounds, tell=tell)
                    if api.requests is not None:
                        policies.measure_whole_charm(
                            self.findings, api, ours, size=size, rounds=rounds[OURS], tell=tell
                        )

    def measure_hook_tools(self) -> None:
        with self.topic(hook_tools.TOPIC) as tell, kubernetes_apis.stand_in(0) as api:
            for size in self.extent.relations:
                hook_tools.measure(self.findings, api, self.sides, size=size, tell=tell)

    def measure_coordinators(self) -> None:
        extent = self.extent
        with self.topic(coordinators.TOPIC) as tell:
            for api in self.apis():
                for size in extent.workers:
                    coordinators.measure(
                        self.findings, api, self.sides, size=size, rounds=extent.rounds, tell=tell
                    )

    def measure_start_up(self) -> None:
        with self.topic(start_up.TOPIC) as tell:
            start_up.measure(self.findings, self.sides, rounds=self.extent.rounds, tell=tell)

    def measure_telemetry(self) -> None:
        extent = self.extent
        with self.topic(telemetry.TOPIC) as tell:
            for program in nginx_process.installed():
                for size in extent.workers:
                    telemetry.measure_configuration(
                        self.findings, program, self.sides, size=size, rounds=extent.rounds, tell=tell
                    )
                telemetry.measure_requests(
                    self.findings,
                    program,
                    self.sides,
                    rounds=extent.rounds,
                    seconds=extent.seconds_of_load,
                    tell=tell,
                )


_MEASURES: dict[Topic, Callable[[_Bench], None]] = {
    Topic.policies: _Bench.measure_policies,
    Topic.hook_tools: _Bench.measure_hook_tools,
    Topic.coordinator: _Bench.measure_coordinators,
    Topic.start_up: _Bench.measure_start_up,
    Topic.telemetry: _Bench.measure_telemetry,
}


def main(
    topics: Annotated[
        list[Topic] | None, typer.Argument(help="What to measure; everything if left out.")
    ] = None,
    size: Annotated[
        Size,
        typer.Option(
            help="`full` has 10,000 policies and 500 workers, and takes an hour; `tiny` shows that it runs."
        ),
    ] = Size.quick,
    json: Annotated[Path, typer.Option(help="Where all values go.")] = _DEFAULT_JSON,
) -> None:
    """Measure this repository's libraries and the published ones, in turns, and compare them.

    The published ones are those of the interpreter that $PEER_PYTHON names; `make bench` sees to that.
    """
    console = Console()
    bench = _Bench(console, _EXTENTS[size])
    if len(bench.sides) == 1:
        console.print("without $PEER_PYTHON there is nothing to compare with")
    began = time.time()
    for topic in topics or Topic:
        _MEASURES[topic](bench)
    took = time.time() - began
    text = as_json(
        bench.findings,
        began=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
        seconds=round(took),
        size=size.value,
        machine={
            "processors": os.cpu_count(),
            "architecture": platform.machine(),
            "system": platform.platform(),
            "python": platform.python_version(),
            "load": os.getloadavg(),
        },
        commit=_commit(),
        versions={side.name: side.versions() for side in bench.sides},
    )
    json.parent.mkdir(parents=True, exist_ok=True)
    json.write_text(text)
    console.print(f"took {took / 60:.0f} minutes; all values are in {json}")


def _commit() -> str:
    done = subprocess.run(
        ["git", "-C", str(sides.ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
