"""A Juju model, and the verbs with which it is changed."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from . import _wiring
from ._charm import Charm
from ._errors import JujuError
from ._hooks import Hook
from ._objects import Application, CharmSource, Container, Offer, Relation, Unit
from ._process import CharmProcess

if TYPE_CHECKING:
    from ._controller import Controller

_REPOSITORY = Path(__file__).parents[2]
_NOT_OF_A_CHARM = shutil.ignore_patterns("__pycache__", ".*", "tests", "venv", "build", "*.charm")

LIBRARIES = (_REPOSITORY / "lib",)
"""Where the project's own charms find their libraries."""


@dataclass(frozen=True)
class ActionResult:
    """What came of an action."""

    results: dict[str, Any] = field(default_factory=dict[str, Any])
    messages: list[str] = field(default_factory=list[str])
    """What the action has logged."""
    failure: str | None = None
    """Why it failed; None if it did not."""


class Model:
    """A model; `Controller.add_model` makes one.

    The verbs are Juju's. They change what is wanted; `settle()` gives the charms the events that
    follow from it.
    """

    def __init__(self, controller: "Controller", name: str):
        self.name = name
        self.uuid = str(uuid4())
        self.controller = controller
        self.applications: dict[str, Application] = {}
        self.relations: list[Relation] = []
        """Those between models are in both."""
        self.offers: dict[str, Offer] = {}
        self.consumed: dict[str, Offer] = {}
        """Offers of other models, by the name that they have in this one."""
        self._relation_ids = 0

    def settle(self) -> None:
        """Give every unit of all models its events; see `Controller.settle`."""
        self.controller.settle()

    def deploy(
        self,
        charm: Path,
        app: str | None = None,
        *,
        units: int = 1,
        config: Mapping[str, object] | None = None,
        trust: bool = True,
        python: str = sys.executable,
        pythonpath: Sequence[Path] = LIBRARIES,
    ) -> Application:
        """Deploy a charm.

        Args:
            charm: its directory, with charmcraft.yaml and src/charm.py.
            app: what to call the application; by default as the charm.
            units: how many units.
            config: values of the charm's options.
            trust: whether it may do things in Kubernetes.
            python: the interpreter that runs the charm; it must have ops and ops-scenario.
            pythonpath: where the charm finds libraries that are not in its own `lib`.

        Raises:
            JujuError: if there is no charm, the name is taken, or it has no such options.
        """
        meta = Charm.load(charm)
        name = app or meta.name
        if name in self.applications or name in self.consumed:
            raise JujuError(f"there is an application {name!r} in {self.name} already")
        settings = {key: meta.option(key, value) for key, value in (config or {}).items()}
        source = CharmSource(charm, python, tuple(pythonpath))
        process = self._start_charm(name, source, revision=0)
        application = Application(self, name, meta, source, process, settings)
        self.applications[name] = application
        self.controller.set_trust(application, trust)
        _wiring.relate_peers(application)
        application.units = [self._unit(application, number) for number in range(units)]
        if units:
            application.leader = application.units[0]
        if self.controller.cluster:
            self.controller.cluster.add_application(application)
            self.controller.cluster.sync_pods(application)
        return application

    def refresh(self, app: str, charm: Path | None = None) -> None:
        """Let an application run another revision of its charm, or the same directory as it is now.

        Its pods are replaced; the old revision still handles their `stop`.
        """
        application = self.application(app)
        if charm:
            application.source = replace(application.source, directory=charm)
        application.charm = Charm.load(application.source.directory)
        application.revision += 1
        application.process = self._start_charm(app, application.source, application.revision)
        _wiring.relate_peers(application)
        if self.controller.cluster:
            self.controller.cluster.refresh(application)
        else:
            for unit in application.units:
                unit.restarting = True

    def trust(self, app: str, *, remove: bool = False) -> None:
        """Let an application do things in Kubernetes, or no longer."""
        self.controller.set_trust(self.application(app), trust=not remove)

    def config(
        self, app: str, values: Mapping[str, object] | None = None, *, reset: Sequence[str] = ()
    ) -> None:
        """Change the values of config options, and reset others to their default."""
        application = self.application(app)
        changed = {key: application.charm.option(key, value) for key, value in (values or {}).items()}
        kept = {key: value for key, value in application.settings.items() if key not in reset}
        application.settings = kept | changed

    def scale(self, app: str, units: int) -> None:
        """Let an application have so many units; the last ones come and go.

        Raises:
            JujuError: if it is being removed.
        """
        application = self.application(app)
        if application.dying:
            raise JujuError(f"{app} is being removed")
        if any(unit.dying for unit in application.units):
            self.settle()
        for unit in application.units[units:]:
            unit.dying = True
        for number in range(len(application.units), units):
            application.units.append(self._unit(application, number))
        application.leader = application.leader or next(iter(application.units), None)
        if self.controller.cluster:
            self.controller.cluster.scale(application)
            self.controller.cluster.sync_pods(application)

    def add_unit(self, app: str, count: int = 1) -> None:
        """Let an application have more units."""
        self.scale(app, len(self.application(app).living_units) + count)

    def remove_application(self, app: str) -> None:
        """Remove an application, its units and its relations."""
        application = self.application(app)
        if any(offer.application is application for offer in self.offers.values()):
            raise JujuError(f"{app} is offered to other models: remove the offer first")
        application.dying = True
        for side in application.sides:
            side.relation.dying = True
        for unit in application.units:
            unit.dying = True
        if not application.units:
            self._remove(application)

    def integrate(self, one: str, other: str) -> Relation:
        """Relate two applications.

        Args:
            one: an application, or one of its endpoints as in `catalogue:metrics-endpoint`.
            other: the same, or the name of a consumed offer.

        Raises:
            JujuError: if no endpoints fit, several do, they are related already, or an endpoint has
                as many relations as it takes.
        """
        return _wiring.integrate(self, one, other)

    def remove_relation(self, one: str, other: str) -> None:
        """Remove the relation between two applications; they are named as in `integrate`.

        Raises:
            JujuError: if they are not related, or in several ways.
        """
        pairs = _wiring.possible(self, one, other)
        found = [relation for pair in pairs if (relation := _wiring.existing(self, *pair))]
        if len(found) != 1:
            raise JujuError(f"there are {len(found)} relations between {one} and {other}, not one")
        found[0].dying = True
        _wiring.prune(found[0])

    def offer(self, app: str, *endpoints: str, name: str | None = None) -> str:
        """Offer endpoints of an application to other models.

        Returns:
            The URL of the offer, for `consume`.
        """
        application = self.application(app)
        offer = Offer(application, tuple(application.endpoint(endpoint) for endpoint in endpoints))
        self.offers[name or app] = offer
        return f"{self.name}.{name or app}"

    def consume(self, url: str, alias: str | None = None) -> str:
        """Let applications of this model relate to an offer of another.

        Args:
            url: what `offer` has returned: model and offer with a dot between them.
            alias: what to call it here.

        Returns:
            The name that the offer has in this model.

        Raises:
            JujuError: if there is no such offer, or the name is taken.
        """
        model_name, _, offer_name = url.partition(".")
        model = self.controller.models.get(model_name)
        if model is None or offer_name not in model.offers:
            raise JujuError(f"there is no offer {url!r}")
        name = alias or offer_name
        if name in self.applications or name in self.consumed:
            raise JujuError(f"there is an application {name!r} in {self.name} already")
        self.consumed[name] = model.offers[offer_name]
        return name

    def remove_saas(self, name: str) -> None:
        """Forget a consumed offer, and remove the relations with it."""
        offer = self.consumed.pop(name, None)
        if offer is None:
            raise JujuError(f"there is no consumed offer {name!r} in {self.name}")
        for relation in self.relations:
            if any(side.application is offer.application for side in relation.sides):
                relation.dying = True

    def remove_offer(self, name: str) -> None:
        """Withdraw an offer.

        Raises:
            JujuError: if there is none of that name, or another model still consumes it.
        """
        if name not in self.offers:
            raise JujuError(f"there is no offer {name!r} in {self.name}")
        for model in self.controller.models.values():
            if self.offers[name] in model.consumed.values():
                raise JujuError(f"offer {name!r} is consumed by {model.name}: remove it there first")
        del self.offers[name]

    def run(self, unit: str, action: str, params: Mapping[str, object] | None = None) -> ActionResult:
        """Run an action on a unit, now; `app/leader` is the leader.

        Args:
            unit: the unit's name.
            action: the action's name.
            params: its parameters; text is taken for what the parameter's type makes of it.

        Raises:
            JujuError: if there is no such unit or action, or it does not take these parameters.
        """
        target = self.unit(unit)
        values = target.application.charm.parameters(action, params or {})
        reply = self.controller.run_action(target, Hook("action", action=action, params=values))
        if "state" in reply:
            return ActionResult(reply["results"], reply["messages"], reply["failure"])
        return ActionResult(failure=reply["traceback"])

    def resolve(self, unit: str, *, retry: bool = True) -> None:
        """Let a unit in error go on, by default with the event that failed."""
        target = self.unit(unit)
        if target.error is None:
            raise JujuError(f"{unit} is not in error")
        hook, target.error = target.error.hook, None
        if not retry:
            self.controller.complete(target, hook)

    def set_leader(self, unit: str) -> None:
        """Let a unit be its application's leader; nobody asks the one that was."""
        target = self.unit(unit)
        if old := target.application.leader:
            old.leadership_told = False
        target.application.leader = target

    def kill(self, unit: str) -> None:
        """Let a unit's pod die without a word and come back; another unit takes over if it led."""
        target = self.unit(unit)
        others = [other for other in target.application.living_units if other is not target]
        if target.is_leader and others:
            self.set_leader(others[0].name)
        self.replace_pod(target)

    def update_status(self, *apps: str) -> None:
        """Let the time have come for `update-status`, for all applications or some."""
        for name in apps or self.applications:
            for unit in self.application(name).units:
                unit.update_status_due = True

    def notify(self, unit: str, container: str, key: str, data: Mapping[str, str] | None = None) -> None:
        """Let a workload give a Pebble custom notice."""
        notices = self.unit(unit).container(container).notices
        notices.append({"id": str(len(notices) + 1), "key": key, "data": dict(data or {})})

    def rotate_secret(self, secret_id: str) -> None:
        """Let the time have come for a secret to be rotated by its owner."""
        for secret in self.controller.secrets:
            if secret.id == secret_id:
                secret.rotation_due = True
                return
        raise JujuError(f"there is no secret {secret_id!r}")

    def application(self, name: str) -> Application:
        """The application of that name.

        Raises:
            JujuError: if there is none.
        """
        try:
            return self.applications[name]
        except KeyError:
            there = ", ".join(self.applications) or "none"
            raise JujuError(f"there is no application {name!r} in {self.name}; there is {there}") from None

    def unit(self, name: str) -> Unit:
        """The unit of that name; `app/leader` is the leader.

        Raises:
            JujuError: if there is none.
        """
        application_name, _, number = name.partition("/")
        units = self.application(application_name).units
        for unit in units:
            if number == str(unit.number) or (number == "leader" and unit.is_leader):
                return unit
        there = ", ".join(unit.name for unit in units) or "none"
        raise JujuError(f"there is no unit {name!r} in {self.name}; there is {there}")

    def next_relation_id(self) -> int:
        """An id that no relation of this model has had."""
        self._relation_ids += 1
        return self._relation_ids - 1

    def replace_pod(self, unit: Unit) -> None:
        """A unit's pod has come to its end, and another has taken its place."""
        self.controller.workload.end(unit)
        unit.replace_pod(self._containers(unit.application, unit.number, unit.storages))
        old, unit.process = unit.process, unit.application.process
        self._release(unit.application, old)

    def remove_unit(self, unit: Unit) -> None:
        """A unit has come to its end."""
        application = unit.application
        application.units.remove(unit)
        for side in application.sides:
            side.present.discard(unit.number)
            _wiring.prune(side.relation)
        if application.leader is unit:
            application.leader = next(iter(application.living_units), None)
        self._release(application, unit.process)
        self.controller.forget(unit)
        shutil.rmtree(self._directory(application.name) / str(unit.number))
        if application.dying and not application.units:
            self._remove(application)
        elif self.controller.cluster:
            self.controller.cluster.scale(application)
            self.controller.cluster.sync_pods(application)

    def close(self) -> None:
        """End the processes of all charms."""
        with ExitStack() as stack:
            for application in self.applications.values():
                for process in {application.process, *(unit.process for unit in application.units)}:
                    stack.callback(process.close)
                for unit in application.units:
                    stack.callback(self.controller.workload.end, unit)

    def _remove(self, application: Application) -> None:
        application.process.close()
        for side in application.sides:
            side.relation.dying = True
            _wiring.prune(side.relation)
        self.controller.set_trust(application, trust=True)
        del self.applications[application.name]
        if self.controller.cluster:
            self.controller.cluster.remove_application(application)
        shutil.rmtree(self._directory(application.name), ignore_errors=True)

    def _release(self, application: Application, process: CharmProcess) -> None:
        """End the process of an earlier revision once no unit is of that revision any more."""
        if process not in (application.process, *(unit.process for unit in application.units)):
            process.close()

    def _start_charm(self, name: str, source: CharmSource, revision: int) -> CharmProcess:
        # A copy of its own, as with Juju: what changes in the source waits for `refresh`.
        directory = self._directory(name) / f"charm-{revision}"
        shutil.copytree(source.directory, directory, ignore=_NOT_OF_A_CHARM)
        return CharmProcess(
            directory,
            name,
            python=source.python,
            pythonpath=source.pythonpath,
            environment=self.controller.environment(name, self),
        )

    def _directory(self, application_name: str) -> Path:
        return self.controller.directory / self.name / application_name

    def _unit(self, application: Application, number: int) -> Unit:
        directory = self._directory(application.name) / str(number)
        storages = {name: directory / "storages" / name for name in application.charm.storages}
        for storage in (directory, *storages.values()):
            storage.mkdir(parents=True)
        address = self.controller.address(f"{self.name}/{application.name}/{number}")
        containers = self._containers(application, number, storages)
        return Unit(application, number, address, application.process, containers, storages)

    def _containers(
        self, application: Application, number: int, storages: Mapping[str, Path]
    ) -> dict[str, Container]:
        directory = self._directory(application.name) / str(number) / "containers"
        containers = {
            name: Container(
                name, directory / name, {location: storages[storage] for location, storage in mounts.items()}
            )
            for name, mounts in application.charm.containers.items()
        }
        for container in containers.values():
            container.start()
        return containers
