"""Policies: a beacon's hooks, from consumers' requests to the objects in Kubernetes."""

import dataclasses
import json
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .findings import CPU, MEMORY, REQUESTS, SECONDS, SERVER_CPU, WRITES, Case, Findings, Progress, Quantity
from .juju_unit import HookRun, SampleRelation, SampleUnit
from .kubernetes_apis import KubernetesApi, Used
from .sides import HERE, ROOT, LibrarySet

TOPIC = "policies"
FIRST, IDLE, CHANGED, GONE = "first apply", "nothing to do", "one policy changed", "one consumer gone"
WHOLE_IDLE = "istio-beacon-k8s, nothing to do"
READER = "a charm that reads the same"
"""Another side of WHOLE_IDLE: it lists the policies once and reads the databags that a beacon reads."""
DATABAGS = Quantity("consumers' databags", "kB")
LARGEST_DATABAG = Quantity("the largest of them", "kB")

_CHARM = HERE / "charms" / "beacon"
_WHOLE_CHARM = ROOT / "charms" / "istio-beacon-k8s"
_READER = HERE / "charms" / "reader"
_APP = "beacon"
_MOST_HOOKS = 20


@dataclass(frozen=True)
class Requested:
    """Policies that consumers request of a beacon."""

    policies: int
    consumers: int
    topic: str = TOPIC

    @classmethod
    def square(cls, policies: int) -> "Requested":
        """Return a number of policies, of as many consumers as each has policies."""
        return cls(policies, max(2, math.isqrt(policies)))

    def relations(self, model: str) -> Iterator[SampleRelation]:
        """Return the consumers' relations."""
        return consumers(self.policies, model, self.consumers)


def consumers(policies: int, model: str, number: int) -> Iterator[SampleRelation]:
    """Return consumers that request this number of policies in total."""
    for consumer in range(number):
        asked = range(consumer, policies, number)
        yield _consumer(consumer, [_policy(f"client-{source}", consumer, model) for source in asked])


def _consumer(number: int, policies: list[dict[str, Any]]) -> SampleRelation:
    app = f"app-{number}"
    return SampleRelation(
        number + 1, "service-mesh", app, {"policies": json.dumps(policies)}, {f"{app}/0": {}}
    )


def _policy(source: str, consumer: int, model: str, port: int = 80) -> dict[str, Any]:
    endpoint = {"hosts": None, "ports": [port], "methods": ["GET", "POST"], "paths": ["/api/{*}", "/health"]}
    return {
        "source_namespace": model,
        "source_app_name": source,
        "target_namespace": model,
        "target_app_name": f"app-{consumer}",
        "target_selector_labels": None,
        "target_service": None,
        "target_type": "app",
        "endpoints": [endpoint],
    }


@dataclass
class _Beacon:
    """A unit in a model of its own."""

    api: KubernetesApi
    unit: SampleUnit
    model: str

    def run(self) -> dict[Quantity, float]:
        """Run hooks until nothing is left to do, and return their total cost."""
        before = self.api.used()
        runs = [self.unit.hook()]
        while runs[-1].status.startswith("waiting"):
            if len(runs) == _MOST_HOOKS:
                raise RuntimeError(f"after {_MOST_HOOKS} hooks still {runs[-1].status}")
            runs.append(self.unit.hook())
        return self._took(runs, before)

    def run_once(self) -> dict[Quantity, float]:
        """Run one hook, and return its cost."""
        before = self.api.used()
        return self._took([self.unit.hook()], before)

    def _took(self, runs: list[HookRun], before: Used) -> dict[Quantity, float]:
        used = self.api.used().since(before)
        return {
            SECONDS: sum(run.seconds for run in runs),
            CPU: sum(run.cpu for run in runs),
            SERVER_CPU: used.cpu,
            REQUESTS: used.requests,
            WRITES: used.writes,
            MEMORY: max(run.memory for run in runs),
        }

    def databags(self) -> Mapping[Quantity, float]:
        """Return the size of the consumers' databags."""
        sizes = [len(json.dumps(dict(each.data))) / 1000 for each in self.unit.relations.values()]
        return {DATABAGS: sum(sizes), LARGEST_DATABAG: max(sizes)}


@dataclass(frozen=True)
class Rounds:
    """The number of runs of hooks."""

    number: int
    takes_part: Callable[[str, int, str], bool]
    """Returns whether a side's hook is run, given its name, the number of the round, and the hook."""


def measure(
    findings: Findings,
    api: KubernetesApi,
    sides: list[LibrarySet],
    requested: Requested,
    rounds: Rounds,
    progress: Progress,
) -> None:
    """Measure the hooks of a beacon, the sides in turns.

    Args:
        findings: receives the results.
        api: the Kubernetes that policies are written to; those of the last round are kept there.
        sides: the libraries to measure.
        requested: the policies.
        rounds: the number of runs of each hook, and their sides.
        progress: called with each step.
    """
    for number in range(rounds.number):
        taking_part = [side for side in sides if rounds.takes_part(side.name, number, FIRST)]
        with tempfile.TemporaryDirectory() as folder:
            beacons = {
                side.name: _start(api, side, Path(folder, side.name), requested) for side in taking_part
            }
            for name, prepare in (
                (FIRST, None),
                (IDLE, None),
                (CHANGED, _change_one),
                (GONE, _take_one_away),
            ):
                for side in reversed(taking_part) if number % 2 else taking_part:
                    if not rounds.takes_part(side.name, number, name):
                        continue
                    size = requested.policies
                    progress(f"{api.name}: {size:,} policies, {name}, {side.name}, round {number + 1}")
                    beacon = beacons[side.name]
                    if prepare:
                        prepare(beacon.unit, beacon.model)
                    case = Case(requested.topic, name, size, api.name)
                    findings.add(case, side.name, {**beacon.run(), **beacon.databags()})
            if number < rounds.number - 1:
                for beacon in beacons.values():
                    api.delete_policies(beacon.model)


def measure_whole_charm(
    findings: Findings, api: KubernetesApi, side: LibrarySet, *, size: int, rounds: int, progress: Progress
) -> None:
    """Measure an idle hook of the charm itself, and of a charm that reads the same, in turns."""
    case = Case(TOPIC, WHOLE_IDLE, size, api.name)
    requested = Requested.square(size)
    with tempfile.TemporaryDirectory() as folder:
        beacon = _start(api, side, Path(folder, "charm"), requested, charm=_WHOLE_CHARM)
        progress(f"{api.name}: {size:,} policies, istio-beacon-k8s, first hooks")
        while beacon.run_once()[WRITES]:
            pass
        Path(folder, "reader").mkdir()
        reader = _Beacon(
            api, _unit(api, side, Path(folder, "reader"), beacon.model, charm=_READER), beacon.model
        )
        for relation in beacon.unit.relations.values():
            reader.unit.relate(dataclasses.replace(relation))
        for number in range(rounds):
            progress(f"{api.name}: {size:,} policies, {case.name}, round {number + 1}")
            measured = ((side.name, beacon), (READER, reader))
            for name, each in reversed(measured) if number % 2 else measured:
                findings.add(case, name, each.run_once())


def _start(
    api: KubernetesApi, side: LibrarySet, folder: Path, requested: Requested, *, charm: Path = _CHARM
) -> _Beacon:
    model = f"bench-{folder.name}-{requested.policies}-{requested.consumers}"
    api.make_model(model, _APP)
    folder.mkdir()
    unit = _unit(api, side, folder, model, charm=charm)
    for relation in requested.relations(model):
        unit.relate(relation)
    return _Beacon(api, unit, model)


def _unit(api: KubernetesApi, side: LibrarySet, folder: Path, model: str, *, charm: Path) -> SampleUnit:
    environment = {"KUBECONFIG": str(api.kubeconfig)}
    return SampleUnit(charm, side, folder, app=_APP, model=model, environment=environment)


def _change_one(unit: SampleUnit, model: str) -> None:
    first = unit.relations[1]
    policies = json.loads(first.data["policies"])
    policies[0] = _policy(policies[0]["source_app_name"], 0, model, port=8080)
    unit.relate(_consumer(0, policies))


def _take_one_away(unit: SampleUnit, _: str) -> None:
    unit.unrelate(2)
