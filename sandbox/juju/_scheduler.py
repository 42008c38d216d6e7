"""Gives the units of all models their events."""

from collections import Counter
from collections.abc import Mapping

from sandbox.host.messages import HookFailure, HookOutcome

from . import _view
from ._cloud import Cloud
from ._dispatch import Dispatcher
from ._errors import NotSettledError
from ._hook import Hook, HookError
from ._hooks import finish, next_hook
from ._lifecycle import Lifecycle
from ._log import OPERATIONS, DebugLog
from ._objects import Application, ModelContents, Unit
from ._secrets import Secret
from ._wiring import prune

_LAST_EVENTS = 8


class Scheduler:
    """Decides which unit has which event next, and applies its effects.

    Args:
        models: all models by name; more may be added.
        cloud: the cloud that they are deployed to.
        lifecycle: replaces and removes their units.
        log: receives the charms' log lines.
    """

    def __init__(
        self, models: Mapping[str, ModelContents], cloud: Cloud, lifecycle: Lifecycle, log: DebugLog
    ):
        self.secrets: list[Secret] = []
        self._models = models
        self._cluster = cloud.cluster
        self._lifecycle = lifecycle
        self._log = log
        self._dispatcher = Dispatcher(cloud.workload)

    def settle(self, limit: int | None = None) -> None:
        """Give every unit its events, until none has any left; see `Controller.settle`."""
        relations = sum(len(model.relations) for model in self._models.values())
        units = sum(len(application.units) for application in self._applications())
        limit = limit or 100 + 10 * (relations + units)
        given: Counter[Unit] = Counter()
        while (hooks := self._next_hooks(given)) or self._sync_pods():
            replies = self._dispatcher.deliver(hooks, self.secrets)
            for (unit, hook), reply in zip(hooks, replies, strict=True):
                self._finish(unit, hook, reply)
                if "traceback" in reply:
                    unit.error = HookError(hook, reply["traceback"])
                else:
                    self.complete(unit, hook)
                if unit.application.dying and unit in unit.application.units:
                    self._sync_pods_of(unit.application)
                given[unit] += 1
                if given[unit] > limit:
                    raise NotSettledError(_never_at_rest(unit))

    def run(self, unit: Unit, hook: Hook) -> HookOutcome | HookFailure:
        """Run a hook now, before all other events of the unit."""
        (reply,) = self._dispatcher.deliver([(unit, hook)], self.secrets)
        self._finish(unit, hook, reply)
        return reply

    def complete(self, unit: Unit, hook: Hook) -> None:
        """Record that a unit had an event, with its effects."""
        side = unit.application.side(hook.relation.id) if hook.relation else None
        finish(unit, hook, self.secrets)
        if hook.kind == "stop" and not unit.dying:
            self._lifecycle.replace_pod(unit)
        elif hook.kind == "relation_broken" and side:
            prune(side.relation)
        elif hook.kind == "remove":
            self._lifecycle.remove_unit(unit)
            self._forget(unit)

    def close(self) -> None:
        """Wait for running hooks, of which there are some only after an interruption."""
        self._dispatcher.close()

    def _applications(self) -> list[Application]:
        found: list[Application] = []
        for model in self._models.values():
            found += model.applications.values()
        return found

    def _next_hooks(self, given: Counter[Unit]) -> list[tuple[Unit, Hook]]:
        """Return one event for each application: that of the unit which has had the fewest."""
        hooks: list[tuple[Unit, Hook]] = []
        for application in self._applications():
            for unit in sorted(application.units, key=given.__getitem__):
                if hook := next_hook(unit, self.secrets):
                    hooks.append((unit, hook))
                    break
        return hooks

    def _sync_pods(self) -> bool:
        """Update pods; return whether that causes events."""
        replaced: list[Unit] = []
        for application in self._applications():
            replaced += self._sync_pods_of(application)
        return any(not unit.error and not unit.lost for unit in replaced)

    def _sync_pods_of(self, application: Application) -> list[Unit]:
        if not self._cluster:
            return []
        replaced = self._cluster.sync_pods(application)
        for unit in replaced:
            unit.restarts += 1
            unit.lost = application.dying
            unit.restarting = not application.dying
        return replaced

    def _finish(self, unit: Unit, hook: Hook, reply: HookOutcome | HookFailure) -> None:
        juju_log = f"unit.{unit.name}.juju-log"
        for level, message in reply["logs"]:
            self._log.record(unit, level, juju_log, message)
        if "state" in reply:
            self._log.record(unit, "DEBUG", OPERATIONS, f'ran "{hook.name}" hook')
            self._commit(unit, reply)
        if "traceback" in reply:
            self._log.record(unit, "ERROR", juju_log, f"Uncaught exception:\n{reply['traceback']}")
            self._log.record(unit, "ERROR", OPERATIONS, f'hook "{hook.name}" failed')

    def _commit(self, unit: Unit, outcome: HookOutcome) -> None:
        ports = unit.application.ports
        self.secrets = _view.commit(unit, outcome, self.secrets)
        if self._cluster and unit.application.ports != ports:
            self._cluster.open_ports(unit.application)

    def _forget(self, unit: Unit) -> None:
        """Remove the secrets of a removed unit, and of its application with the last one."""
        application = unit.application
        is_last = application.dying and not application.units
        owners = {unit, application} if is_last else {unit}
        self.secrets = [secret for secret in self.secrets if secret.owner not in owners]
        for secret in self.secrets:
            secret.consumers.pop(unit, None)


def _never_at_rest(unit: Unit) -> str:
    last = ", ".join(str(hook) for hook in unit.history[-_LAST_EVENTS:])
    return (
        f"{unit.name} (charm {unit.application.charm.name}) does not come to rest after "
        f"{len(unit.history)} events; the last: {last}"
    )
