"""The number of calls of Juju's hook tools in a hook; each call is a process."""

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from . import policies
from .cluster_relations import cluster
from .findings import Case, Findings, Progress, Quantity
from .juju_unit import SampleRelation, SampleUnit
from .kubernetes_apis import KubernetesApi
from .sides import HERE, LibrarySet

TOPIC = "hook tools"
CALLS = Quantity("calls")
CHARMS = {
    "beacon": "update-status",
    "consumer": "data-relation-created",
    "coordinator": "update-status",
}
"""The measured charms, and the hook of each in which there is nothing to do."""
ALL = "all"
_SHOWN = ("relation-get", "relation-list", "relation-set", "juju-log")

_MESH = {
    "labels": '{"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "waypoint"}',
    "mesh_type": '"istio"',
}


_TRIES = 20


@contextmanager
def taking(seconds: float) -> Generator[None]:
    """Make each call of a hook tool take this time, like those of a real Juju; no pause if it is 0."""
    if seconds:
        pause = max(0.0, seconds - _seconds_of_a_call("0"))
        os.environ["HOOK_TOOL_PAUSE"] = f"{pause:.4f}"
    try:
        yield
    finally:
        os.environ.pop("HOOK_TOOL_PAUSE", None)


def _seconds_of_a_call(pause: str) -> float:
    """Measure the time of a call with a pause of this length."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "is-leader").write_text("true")
        tool = Path(folder, "bin", "is-leader")
        tool.parent.mkdir()
        tool.symlink_to(HERE / "hook-tool")
        environment = {**os.environ, "HOOK_TOOLS": folder, "HOOK_TOOL_PAUSE": pause}
        taken: list[float] = []
        for _ in range(_TRIES):
            began = time.perf_counter()
            subprocess.run([tool], env=environment, stdout=subprocess.DEVNULL, check=True)
            taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def measure(
    findings: Findings, api: KubernetesApi, sides: list[LibrarySet], *, size: int, progress: Progress
) -> None:
    """Count the calls of hooks with nothing to do, of charms with `size` relations of one kind."""
    for charm, hook in CHARMS.items():
        for side in sides:
            progress(f"{charm}, {size} relations, {side.name}")
            model = f"tools-{charm}-{side.name}-{size}"
            api.make_model(model, charm)
            with tempfile.TemporaryDirectory() as folder:
                environment = {"KUBECONFIG": str(api.kubeconfig)}
                source = HERE / "charms" / charm
                unit = SampleUnit(source, side, Path(folder), app=charm, model=model, environment=environment)
                for relation in _relations(charm, size, model):
                    unit.relate(relation)
                relation = unit.relations[size] if charm == "consumer" else None
                unit.hook(hook, relation)
                calls = unit.hook(hook, relation).calls
            case = f"{charm}: {{}}"
            findings.add(Case(TOPIC, case.format(ALL), size), side.name, {CALLS: calls.total()})
            for tool in _SHOWN:
                findings.add(Case(TOPIC, case.format(tool), size), side.name, {CALLS: calls[tool]})
            api.delete_policies(model)


def _relations(charm: str, size: int, model: str) -> Iterator[SampleRelation]:
    if charm == "beacon":
        yield from policies.consumers(size, model, number=size)
    elif charm == "consumer":
        yield SampleRelation(size + 1, "service-mesh", "beacon", _MESH)
        for number in range(size):
            yield SampleRelation(number + 1, "data", f"user-{number}", units={f"user-{number}/0": {}})
    else:
        yield from cluster(size, model, apps=size)
