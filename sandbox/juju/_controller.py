"""The Juju controller: models, and the events that their units are given."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from sandbox.host.messages import Failure, Outcome

from . import _view
from ._cluster import Cluster
from ._dispatch import Dispatcher
from ._errors import JujuError, NotSettledError
from ._hooks import Hook, next_hook, told
from ._log import OPERATIONS, LogLine
from ._model import Model
from ._objects import Application, HookError, Secret, Unit
from ._wiring import prune
from ._workload import NoWorkload, Workload

if TYPE_CHECKING:
    from sandbox.kubernetes import Denial, KubernetesServer

_LAST_EVENTS = 8


class Controller:
    """Holds models, and ends everything that it has started when its context ends.

    Example:
        ```python
        with KubernetesServer() as kubernetes, Controller(kubernetes) as juju:
            model = juju.add_model("shop")
            model.deploy(Path("charms/istio-beacon-k8s"))
            model.deploy(Path("sandbox/charms/catalogue"))
            model.integrate("istio-beacon-k8s", "catalogue")
            juju.settle()
        ```

    Args:
        kubernetes: the sandbox's own cluster, or a kubeconfig of another. Charms that use no
            Kubernetes need none.
        workload: runs what charms put into containers; nobody does by default.
        addresses: gives the address of a unit, by its model, application and number with slashes between
            them; loopback addresses by default, which other sandboxes use as well.
        on_log: called with each line of the log.
        hosts: gives the file of host names that an application's charm finds; by default only this
            machine's own names are known. Takes the model's name and the application's.
    """

    def __init__(
        self,
        kubernetes: "KubernetesServer | Path | None" = None,
        *,
        workload: Workload | None = None,
        addresses: Callable[[str], str] | None = None,
        on_log: Callable[[LogLine], None] | None = None,
        hosts: Callable[[str, str], Path] | None = None,
    ):
        self.directory = Path(tempfile.mkdtemp(prefix="sandbox-"))
        """Where the files of all units are while the controller lasts."""
        self.models: dict[str, Model] = {}
        self.secrets: list[Secret] = []
        self.log: list[LogLine] = []
        self.workload: Workload = workload or NoWorkload()
        self._kubernetes = kubernetes
        self._denials: dict[Application, Denial] = {}
        self._addresses = addresses
        self._addresses_given: dict[str, str] = {}
        self._on_log = on_log
        self._hosts = hosts
        self._dispatcher = Dispatcher(self.workload)
        self.cluster: Cluster | None = None
        try:
            self.cluster = self._connect()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Controller":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def add_model(self, name: str) -> Model:
        """Add a model, and its namespace of the same name.

        Raises:
            JujuError: if there is one of that name.
        """
        if name in self.models:
            raise JujuError(f"there is a model {name!r} already")
        model = Model(self, name)
        if self.cluster:
            self.cluster.add_model(name, model.uuid)
        self.models[name] = model
        return model

    def settle(self, limit: int | None = None) -> None:
        """Give every unit its events, until none has any left.

        A unit in error is left alone, and so is what waits for it.

        Args:
            limit: how many events one unit may have until then; by default more than enough for the
                units and relations that there are.

        Raises:
            NotSettledError: if a unit has that many, for then there is no end to them.
        """
        relations = sum(len(model.relations) for model in self.models.values())
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
                given[unit] += 1
                if given[unit] > limit:
                    raise NotSettledError(_never_at_rest(unit))

    def run_action(self, unit: Unit, hook: Hook) -> "Outcome | Failure":
        """Run an action now, whatever else the unit is to have; see `Model.run`."""
        (reply,) = self._dispatcher.deliver([(unit, hook)], self.secrets)
        self._finish(unit, hook, reply)
        return reply

    def environment(self, application_name: str, model: Model) -> Mapping[str, str]:
        """What a charm's process has in its environment, besides what this one has."""
        file = self.directory / "no-kubernetes"
        if isinstance(self._kubernetes, Path):
            file = self._kubernetes
        elif self._kubernetes:
            user = _user(application_name, model)
            file = self.directory / f"{model.name}-{application_name}.kubeconfig"
            self._kubernetes.write_kubeconfig(file, user=user, namespace=model.name)
        # What a process can't clear away any more goes with the application.
        temporary = self.directory / model.name / application_name / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        environment = {"KUBECONFIG": str(file), "TMPDIR": str(temporary), "NO_PROXY": "127.0.0.1"}
        if self._hosts:
            environment["SANDBOX_HOSTS"] = str(self._hosts(model.name, application_name))
        return environment

    def address(self, unit: str) -> str:
        """The address of a unit, the same each time."""
        if self._addresses:
            return self._addresses(unit)
        number = len(self._addresses_given) + 1
        return self._addresses_given.setdefault(unit, f"127.100.{number // 256}.{number % 256}")

    def set_trust(self, application: Application, trust: bool) -> None:
        """Let an application do everything in Kubernetes, or nothing.

        Only the sandbox's own cluster knows one application from another.
        """
        application.trust = trust
        if self._kubernetes is None or isinstance(self._kubernetes, Path):
            return
        access = self._kubernetes.access
        if denial := self._denials.pop(application, None):
            access.restore(denial)
        if not trust:
            user = _user(application.name, application.model)
            self._denials[application] = access.deny(users=[user])

    def forget(self, unit: Unit) -> None:
        """Let go of what belonged to a unit that is no more, and of its secrets."""
        self.workload.end(unit)
        application = unit.application
        is_last = application.dying and not application.units
        owners = {unit, application} if is_last else {unit}
        self.secrets = [secret for secret in self.secrets if secret.owner not in owners]
        for secret in self.secrets:
            secret.consumers.pop(unit, None)

    def record(self, unit: Unit, level: str, module: str, message: str) -> None:
        """Add a line to the log."""
        line = LogLine(unit.application.model.name, unit.name, level, module, message)
        self.log.append(line)
        if self._on_log:
            self._on_log(line)

    def close(self) -> None:
        """End all processes and remove all files; leave another's cluster as it was."""
        # From the last to the first, each whether the others succeed or not.
        with ExitStack() as stack:
            if isinstance(self._kubernetes, Path) and self.cluster:
                for model in self.models.values():
                    stack.callback(self.cluster.remove_model, model.name)
                for application in self._applications():
                    stack.callback(self.cluster.remove_application, application)
            stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
            for model in self.models.values():
                stack.callback(model.close)
            stack.callback(self._dispatcher.close)

    def _connect(self) -> Cluster | None:
        if self._kubernetes is None:
            return None
        if isinstance(self._kubernetes, Path):
            return Cluster(self._kubernetes, is_own=False)
        kubeconfig = self._kubernetes.write_kubeconfig(self.directory / "juju.kubeconfig", user="juju")
        return Cluster(kubeconfig, is_own=True)

    def _applications(self) -> list[Application]:
        return [app for model in self.models.values() for app in model.applications.values()]

    def _next_hooks(self, given: Counter[Unit]) -> list[tuple[Unit, Hook]]:
        """One event for each application: that of the unit which has had the fewest."""
        hooks: list[tuple[Unit, Hook]] = []
        for application in self._applications():
            for unit in sorted(application.units, key=given.__getitem__):
                if hook := next_hook(unit, self.secrets):
                    hooks.append((unit, hook))
                    break
        return hooks

    def _sync_pods(self) -> bool:
        if not self.cluster:
            return False
        replaced = [unit for app in self._applications() for unit in self.cluster.sync_pods(app)]
        for unit in replaced:
            unit.restarting = True
        return any(not unit.error for unit in replaced)

    def complete(self, unit: Unit, hook: Hook) -> None:
        """Let a unit have had an event, with all that follows from it."""
        told(unit, hook)
        model = unit.application.model
        if hook.kind == "stop" and not unit.dying:
            model.replace_pod(unit)
        elif hook.kind == "relation_broken" and hook.side:
            prune(hook.side.relation)
        elif hook.kind == "remove":
            model.remove_unit(unit)

    def _finish(self, unit: Unit, hook: Hook, reply: "Outcome | Failure") -> None:
        juju_log = f"unit.{unit.name}.juju-log"
        for level, message in reply["logs"]:
            self.record(unit, level, juju_log, message)
        if "state" in reply:
            self.record(unit, "DEBUG", OPERATIONS, f'ran "{hook.name}" hook')
            self._commit(unit, reply)
        if "traceback" in reply:
            self.record(unit, "ERROR", juju_log, f"Uncaught exception:\n{reply['traceback']}")
            self.record(unit, "ERROR", OPERATIONS, f'hook "{hook.name}" failed')

    def _commit(self, unit: Unit, outcome: Outcome) -> None:
        ports = unit.application.ports
        self.secrets = _view.commit(unit, outcome, self.secrets)
        if self.cluster and unit.application.ports != ports:
            self.cluster.open_ports(unit.application)


def _user(application_name: str, model: Model) -> str:
    return f"system:serviceaccount:{model.name}:{application_name}"


def _never_at_rest(unit: Unit) -> str:
    last = ", ".join(str(hook) for hook in unit.history[-_LAST_EVENTS:])
    return (
        f"{unit.name} (charm {unit.application.charm.name}) does not come to rest after "
        f"{len(unit.history)} events; the last: {last}"
    )
