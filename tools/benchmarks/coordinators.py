"""Coordinators: a hook with nothing to do, with any number of workers."""

import dataclasses
import json
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .cluster_relations import cluster
from .findings import CPU, MEMORY, REQUESTS, SECONDS, WRITES, Case, Findings, Progress, Quantity
from .kubernetes_apis import KubernetesApi
from .sides import HERE, LibrarySet

TOPIC = "coordinator"
IDLE = "nothing to do"
DATABAGS = Quantity("databags written", "kB")
LARGEST_DATABAG = Quantity("the largest of them", "kB")
NGINX_CONFIG = Quantity("nginx.conf", "kB")

_CHARM = HERE / "charms" / "coordinator"
_PROGRAM = HERE / "inside" / "coordinator.py"
_APP = "coordinator"


@dataclasses.dataclass(frozen=True)
class Workers:
    """The workers of a coordinator."""

    units: int
    applications: int = 10
    topic: str = TOPIC


class _Coordinator:
    """A settled coordinator, in a process of its own."""

    def __init__(self, api: KubernetesApi, process: "subprocess.Popen[str]"):
        self._api = api
        self._process = process

    def run(self) -> dict[Quantity, float]:
        """Run a hook with nothing to do, and return its cost."""
        before = self._api.used()
        took = json.loads(self._ask("hook"))
        used = self._api.used().since(before)
        return {
            SECONDS: took["seconds"],
            CPU: took["cpu"],
            REQUESTS: used.requests,
            WRITES: used.writes,
            MEMORY: took["memory"],
            DATABAGS: took["databags"],
            LARGEST_DATABAG: took["databag"],
            NGINX_CONFIG: took["config"],
        }

    def settle(self, model: str, workers: "Workers") -> None:
        """Run the first hooks, after which nothing is left to do."""
        relations = [
            dataclasses.asdict(relation)
            for relation in cluster(workers.units, model, apps=workers.applications)
        ]
        status = self._ask(json.dumps({"app": _APP, "model": model, "relations": relations})).strip()
        if status != "active":
            raise RuntimeError(f"the coordinator is {status}")

    def _ask(self, line: str) -> str:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the coordinator's process ended")
        return answer


@contextmanager
def _started(api: KubernetesApi, side: LibrarySet, workers: Workers) -> Generator[_Coordinator]:
    model = f"bench-{side.name}-{workers.units}-workers-of-{workers.applications}"
    api.make_model(model, _APP)
    with tempfile.TemporaryDirectory() as folder:
        charm = shutil.copytree(_CHARM, Path(folder, "charm"))
        with Path(folder, "errors").open("w") as errors:
            process = subprocess.Popen(
                [side.python, str(_PROGRAM)],
                cwd=charm,
                env=side.environment(KUBECONFIG=str(api.kubeconfig)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        try:
            coordinator = _Coordinator(api, process)
            coordinator.settle(model, workers)
            yield coordinator
        except RuntimeError as error:
            raise RuntimeError(f"{error}:\n{Path(folder, 'errors').read_text()[-3000:]}") from None
        finally:
            process.kill()
            process.wait()


def measure(
    findings: Findings,
    api: KubernetesApi,
    sides: list[LibrarySet],
    workers: Workers,
    *,
    rounds: int,
    progress: Progress,
) -> None:
    """Measure hooks of a coordinator of these workers, the sides in turns."""
    case = Case(workers.topic, IDLE, workers.units, api.name)
    shown = f"{api.name}: {workers.units} workers"
    with ExitStack() as stack:
        coordinators: dict[str, _Coordinator] = {}
        for side in sides:
            progress(f"{shown}, first hooks, {side.name}")
            coordinators[side.name] = stack.enter_context(_started(api, side, workers))
        for number in range(rounds):
            for side in reversed(sides) if number % 2 else sides:
                progress(f"{shown}, {case.name}, {side.name}, round {number + 1}")
                findings.add(case, side.name, coordinators[side.name].run())
