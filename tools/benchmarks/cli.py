"""`python -m tools.benchmarks`: the choice of measurements, and their output."""

import enum
import os
import platform
import subprocess
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from . import (
    coordinators,
    goals,
    hook_tools,
    istiod_work,
    joining,
    kubernetes_apis,
    nginx_process,
    policies,
    report,
    scale,
    sides,
    start_up,
    summary,
    telemetry,
)
from .extents import EXTENTS, Extent, Size
from .findings import Case, Document, Findings, Progress
from .kubernetes_apis import KubernetesApi

_DEFAULT_JSON = sides.ROOT / "build" / "benchmarks.json"
_HOOK_TOOL_MS = 5.0
_WIDTH_OF_A_FILE = 160


class Topic(str, enum.Enum):
    """The parts to measure."""

    start_up = "start-up"
    hook_tools = "hook-tools"
    joining = "joining"
    coordinator = "coordinator"
    telemetry = "telemetry"
    policies = "policies"
    scale = "scale"
    istiod = "istiod"


_AT_LENGTH = (Topic.scale, Topic.istiod)
"""What is measured only if it is asked for."""


class _Bench:
    """One run of the benchmarks."""

    def __init__(self, console: Console, extent: Extent, *, details: bool):
        self.findings = Findings()
        self.extent = extent
        self.sides = [side for side in (sides.ours(), sides.peers()) if side]
        self._console = console
        self._details = details
        self._progress = Console(stderr=True)
        self._began = time.monotonic()

    @property
    def minutes(self) -> float:
        """The seconds since its start."""
        return (time.monotonic() - self._began) / 60

    def rounds(self, wanted: int) -> int:
        """Yield the desired number of rounds while there is time, and one after that."""
        return wanted if self.minutes < self.extent.minutes else 1

    def apis(self) -> Iterator[Callable[[], AbstractContextManager[KubernetesApi]]]:
        """Return the functions that start the measured Kubernetes APIs: the real one if it is built."""
        start = kubernetes_apis.stand_in
        if self.extent.real and kubernetes_apis.has_kube_apiserver():
            start = kubernetes_apis.kube_apiserver
        for latency in self.extent.latencies:
            yield partial(start, latency)

    @contextmanager
    def topic(self, name: str) -> Generator[Progress]:
        """Show the progress, and at the end the results."""
        with self._console.status(name) as status:

            def progress(text: str) -> None:
                line = f"{self.minutes:4.1f} min  {name}: {text}"
                status.update(line)
                if not self._console.is_terminal:
                    self._progress.print(line)

            yield progress
        if self._details:
            report.show(self._console, name, self.findings.of(name))

    def measure_policies(self) -> None:
        extent = self.extent
        with self.topic(policies.TOPIC) as progress:
            for size in extent.policies:
                for number, start in enumerate(self.apis()):
                    if number and size >= extent.very_many:
                        continue
                    for group in extent.groups(size, self.sides):
                        # With a server of its own, deleted objects do not slow it down.
                        with start() as api:
                            policies.measure(
                                self.findings,
                                api,
                                group,
                                policies.Requested.square(size),
                                policies.Rounds(
                                    self.rounds(extent.rounds_of(size)), partial(extent.takes_part, size)
                                ),
                                progress,
                            )
                    if not number:
                        self._measure_whole_charm(start, size, progress)

    def _measure_whole_charm(
        self,
        start: Callable[[], AbstractContextManager[KubernetesApi]],
        size: int,
        progress: Progress,
    ) -> None:
        with start() as api:
            policies.measure_whole_charm(
                self.findings,
                api,
                self.sides[0],
                size=size,
                rounds=self.rounds(self.extent.rounds_of(size)),
                progress=progress,
            )

    def measure_hook_tools(self) -> None:
        with self.topic(hook_tools.TOPIC) as progress, kubernetes_apis.stand_in(0) as api:
            for size in self.extent.relations:
                hook_tools.measure(self.findings, api, self.sides, size=size, progress=progress)

    def measure_joining(self) -> None:
        with self.topic(joining.TOPIC) as progress, kubernetes_apis.stand_in(0) as api:
            joining.measure(self.findings, api, self.sides, size=self.extent.joining, progress=progress)

    def measure_coordinators(self) -> None:
        extent = self.extent
        with self.topic(coordinators.TOPIC) as progress:
            for start in self.apis():
                with start() as api:
                    for size in extent.workers:
                        coordinators.measure(
                            self.findings,
                            api,
                            self.sides,
                            coordinators.Workers(size),
                            rounds=extent.rounds,
                            progress=progress,
                        )

    def measure_start_up(self) -> None:
        with self.topic(start_up.TOPIC) as progress:
            start_up.measure(self.findings, self.sides, rounds=self.extent.rounds, progress=progress)

    def measure_telemetry(self) -> None:
        extent = self.extent
        with self.topic(telemetry.TOPIC) as progress:
            for program in nginx_process.installed():
                for size in extent.workers:
                    case = Case(telemetry.TOPIC, telemetry.CONFIGURATION.format(program.name), size)
                    telemetry.measure_configuration(
                        self.findings, case, program, self.sides, rounds=extent.rounds, progress=progress
                    )
                telemetry.measure_requests(
                    self.findings,
                    program,
                    self.sides,
                    rounds=extent.rounds,
                    seconds=extent.seconds_of_load,
                    progress=progress,
                )

    def measure_scale(self) -> None:
        with self.topic(scale.TOPIC) as progress:
            start = next(self.apis())
            scale.measure(self.findings, start, self.sides, self.extent.scale, progress=progress)

    def measure_istiod(self) -> None:
        if not kubernetes_apis.has_istiod():
            raise RuntimeError("not built yet: make test-cluster builds it")
        with self.topic(istiod_work.TOPIC) as progress:
            for size, models in self.extent.istiod:
                istiod_work.measure(self.findings, size=size, models=models, progress=progress)


_MEASURES: dict[Topic, Callable[[_Bench], None]] = {
    Topic.start_up: _Bench.measure_start_up,
    Topic.hook_tools: _Bench.measure_hook_tools,
    Topic.joining: _Bench.measure_joining,
    Topic.coordinator: _Bench.measure_coordinators,
    Topic.telemetry: _Bench.measure_telemetry,
    Topic.policies: _Bench.measure_policies,
    Topic.scale: _Bench.measure_scale,
    Topic.istiod: _Bench.measure_istiod,
}


def main(
    topics: Annotated[
        list[Topic] | None,
        typer.Argument(help="What to measure; everything but scale and istiod by default."),
    ] = None,
    size: Annotated[
        Size,
        typer.Option(
            help="`full` has 10,000 policies and 500 workers, and takes some ten minutes;"
            " `tiny` shows that it runs."
        ),
    ] = Size.quick,
    hook_tool_ms: Annotated[
        float,
        typer.Option(help="What a call of a hook tool takes, as it does on a real Juju."),
    ] = _HOOK_TOOL_MS,
    details: Annotated[bool, typer.Option("--details", help="Also print every value of each topic.")] = False,
    json: Annotated[Path, typer.Option(help="Where all values go.")] = _DEFAULT_JSON,
) -> None:
    """Measure this repository's libraries and the published ones, in turns, and compare them.

    The published ones are those of the interpreter that $PEER_PYTHON names, which `make bench` sets.
    """
    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH_OF_A_FILE
    bench = _Bench(console, EXTENTS[size], details=details)
    if len(bench.sides) == 1:
        console.print("without $PEER_PYTHON there is nothing to compare with")
    about: dict[str, object] = {
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "size": size.value,
        "hook tool, ms": hook_tool_ms,
        "machine": {
            "processors": os.cpu_count(),
            "architecture": platform.machine(),
            "system": platform.platform(),
            "python": platform.python_version(),
            "load when it began": os.getloadavg()[0],
        },
        "commit": _commit(),
        "versions": {side.name: side.versions() for side in bench.sides},
    }
    json.parent.mkdir(parents=True, exist_ok=True)
    document = Document(about, bench.findings)
    failed: list[str] = []
    with hook_tools.taking(hook_tool_ms / 1000):
        for topic in topics or [each for each in Topic if each not in _AT_LENGTH]:
            try:
                _MEASURES[topic](bench)
            except RuntimeError as error:
                failed.append(f"{topic.value}: {error}")
            finally:
                about["minutes"] = round(bench.minutes, 1)
                json.write_text(document.to_json())
    reached = goals.reached(bench.findings, document.processors)
    report.show_summary(console, summary.headlines(bench.findings), reached)
    console.print(f"took {bench.minutes:.1f} minutes; all values are in {json}")
    for what in failed:
        console.print(what)
    if failed:
        raise typer.Exit(1)


def _commit() -> str:
    done = subprocess.run(
        ["git", "-C", str(sides.ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
