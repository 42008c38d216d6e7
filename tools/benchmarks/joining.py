"""Joining: from `juju integrate` to every policy enforced, for several applications at once.

Hooks run unchanged, one at a time. On the simulation's clock each takes its measured time, and the hooks of
different units run side by side, as in pods. A pod that Kubernetes replaces is unavailable for
`RESTART_SECONDS`, and then runs the hooks after a restart.
"""

import heapq
import itertools
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .findings import Case, Findings, Progress, Quantity
from .juju_unit import SampleRelation, SampleUnit
from .kubernetes_apis import KubernetesApi
from .sides import HERE, LibrarySet

TOPIC = "joining"
APPLICATIONS = 10
RESTART_SECONDS = 30.0
ENFORCED = Quantity("time until all is enforced", "s")
RESTARTS = Quantity("restarts")
HOOKS = Quantity("hooks")
_BEACON = "beacon"
_MESH, _DATA = 1, 2
"""The ids of a member's relations."""
_POLICIES_OF_EACH = 2
_AFTER_A_RESTART = ("upgrade-charm", "config-changed", "start")


def measure(
    findings: Findings, api: KubernetesApi, sides: list[LibrarySet], *, size: int, progress: Progress
) -> None:
    """Integrate `size` applications with a beacon at once, with each side's libraries."""
    case = Case(TOPIC, "applications that join at once", size)
    for side in sides:
        progress(f"{size} applications, {side.name}")
        with tempfile.TemporaryDirectory() as folder:
            findings.add(case, side.name, _Model(api, side, Path(folder), size).integrate())


@dataclass(frozen=True, order=True)
class _Scheduled:
    """An event at a time of the clock."""

    time: float
    number: int
    """Those of one time happen in the order in which they were scheduled."""
    app: str
    hook: str
    """Empty: what the application has written into a relation reaches the other end."""
    relation: int = 0


class _Model:
    def __init__(self, api: KubernetesApi, side: LibrarySet, folder: Path, size: int):
        self._api = api
        self._name = f"joining-{side.name}-{size}"
        self._apps = [f"app-{number}" for number in range(size)]
        self._events: list[_Scheduled] = []
        self._numbers = itertools.count()
        self._free_at = dict.fromkeys((_BEACON, *self._apps), 0.0)
        self._done_at = self._restarts = self._hooks = 0.0
        api.make_model(self._name, _BEACON, *self._apps)
        api.make_ready(self._name)
        self._pods = api.pods(self._name)
        self._policies = api.policies(self._name)
        charms = HERE / "charms"
        environment = {"KUBECONFIG": str(api.kubeconfig)}
        self._units = {
            app: SampleUnit(
                charms / (_BEACON if app == _BEACON else "member"),
                side,
                folder / app,
                app=app,
                model=self._name,
                environment=environment,
            )
            for app in self._free_at
        }

    def integrate(self) -> dict[Quantity, float]:
        """Relate all at once, run hooks until nothing is left to do, and return the cost.

        Raises:
            RuntimeError: an application is not in the mesh in the end, or a policy is missing.
        """
        for number, app in enumerate(self._apps):
            user = self._apps[(number + 1) % len(self._apps)]
            member, beacon = self._units[app], self._units[_BEACON]
            member.relate(SampleRelation(_MESH, "service-mesh", _BEACON, units={f"{_BEACON}/0": {}}))
            member.relate(SampleRelation(_DATA, "data", user, units={f"{user}/0": {}}))
            beacon.relate(SampleRelation(number + 1, "service-mesh", app, units={f"{app}/0": {}}))
            self._schedule(0, app, "service-mesh-relation-created", _MESH)
            self._schedule(0, _BEACON, "service-mesh-relation-created", number + 1)
        while self._events:
            event = heapq.heappop(self._events)
            if not event.hook:
                self._deliver(event)
            elif (free := self._free_at[event.app]) > event.time:
                self._schedule(free, event.app, event.hook, event.relation)
            else:
                self._run(event)
        outside = [app for app in self._apps if not self._pods[app].in_mesh]
        expected = len(self._apps) * _POLICIES_OF_EACH
        if outside or len(self._policies) != expected:
            found = f"{len(self._policies)} of {expected} policies, and not in the mesh: {outside}"
            raise RuntimeError(f"joining {self._name} ended with {found}")
        return {ENFORCED: self._done_at, RESTARTS: self._restarts, HOOKS: self._hooks}

    def _schedule(self, time: float, app: str, hook: str, relation: int = 0) -> None:
        heapq.heappush(self._events, _Scheduled(time, next(self._numbers), app, hook, relation))

    def _run(self, event: _Scheduled) -> None:
        unit = self._units[event.app]
        before = {id_: dict(each.own) for id_, each in unit.relations.items()}
        run = unit.hook(event.hook, unit.relations.get(event.relation))
        self._hooks += 1
        end = self._free_at[event.app] = event.time + run.seconds
        for id_, relation in unit.relations.items():
            if relation.own != before[id_] and relation.endpoint == "service-mesh":
                self._schedule(end, event.app, "", id_)
        policies = self._api.policies(self._name)
        if policies != self._policies:
            self._policies, self._done_at = policies, max(self._done_at, end)
        self._look_at_pods(end)

    def _look_at_pods(self, now: float) -> None:
        """Restart replaced pods, and record the joined applications."""
        pods = self._api.pods(self._name)
        for app, pod in pods.items():
            if pod.uid != self._pods[app].uid:
                self._restarts += 1
                self._free_at[app] = now + RESTART_SECONDS
                for hook in _AFTER_A_RESTART:
                    self._schedule(self._free_at[app], app, hook)
            if pod != self._pods[app]:
                self._done_at = max(self._done_at, self._free_at[app])
        self._pods = pods
        self._api.make_ready(self._name)

    def _deliver(self, event: _Scheduled) -> None:
        """Pass written data to the other end of a relation, with an event."""
        data = dict(self._units[event.app].relations[event.relation].own)
        if event.app == _BEACON:
            app, id_ = self._apps[event.relation - 1], _MESH
        else:
            app, id_ = _BEACON, self._apps.index(event.app) + 1
        unit = self._units[app]
        there = unit.relations[id_]
        unit.relate(SampleRelation(id_, "service-mesh", there.app, data, there.units))
        self._schedule(event.time, app, "service-mesh-relation-changed", id_)
