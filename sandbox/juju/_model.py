"""A Juju model, and the operations that change it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from . import _offers, _wiring
from ._charm import CharmMetadata, CharmSource
from ._cloud import Cloud
from ._errors import JujuError
from ._hook import Hook
from ._lifecycle import Lifecycle
from ._objects import Application, ModelContents, Relation
from ._scheduler import Scheduler


@dataclass(frozen=True)
class ActionResult:
    """The result of an action."""

    results: dict[str, Any] = field(default_factory=dict[str, Any])
    messages: list[str] = field(default_factory=list[str])
    """What the action has logged."""
    failure: str | None = None
    """Why it failed; None if it did not."""


class Model(ModelContents):
    """A model; `Controller.add_model` creates one.

    The methods are Juju's commands. They change the desired state; `settle()` gives the charms the resulting
    events.
    """

    def __init__(
        self,
        name: str,
        juju: int,
        models: Mapping[str, ModelContents],
        cloud: Cloud,
        lifecycle: Lifecycle,
        scheduler: Scheduler,
    ):
        super().__init__(name, juju)
        self._models = models
        self._cloud = cloud
        self._lifecycle = lifecycle
        self._scheduler = scheduler

    def settle(self) -> None:
        """Give every unit of all models its events; see `Controller.settle`."""
        self._scheduler.settle()

    def deploy(
        self,
        charm: Path | CharmSource,
        app: str | None = None,
        *,
        units: int = 1,
        config: Mapping[str, object] | None = None,
        trust: bool = True,
    ) -> Application:
        """Deploy a charm.

        Args:
            charm: its directory, with charmcraft.yaml and src/charm.py; or a `CharmSource`.
            app: the name of the application; by default that of the charm.
            units: the number of units.
            config: values of the charm's options.
            trust: whether it has access to Kubernetes.

        Raises:
            JujuError: if there is no charm, the name is taken, or it has no such options.
        """
        source = charm if isinstance(charm, CharmSource) else CharmSource(charm)
        meta = CharmMetadata.load(source.directory)
        name = app or meta.name
        if name in self.applications or name in self.consumed:
            raise JujuError(f"there is an application {name!r} in {self.name} already")
        settings = {key: meta.option(key, value) for key, value in (config or {}).items()}
        process = self._lifecycle.start_charm(self, name, source, revision=0)
        application = Application(self, name, meta, source, process, settings)
        self.applications[name] = application
        self._cloud.set_trust(application, trust)
        _wiring.relate_peers(application)
        application.units = [self._lifecycle.new_unit(application, number) for number in range(units)]
        if units:
            application.leader = application.units[0]
        if self._cloud.cluster:
            self._cloud.cluster.add_application(application)
            self._cloud.cluster.sync_pods(application)
        return application

    def refresh(self, app: str, charm: Path | None = None) -> None:
        """Refresh an application to another revision of its charm, or to its directory as it is now.

        Its pods are replaced; the old revision still handles their `stop`.
        """
        application = self.application(app)
        if charm:
            application.source = replace(application.source, directory=charm)
        application.charm = CharmMetadata.load(application.source.directory)
        application.revision += 1
        application.process = self._lifecycle.start_charm(self, app, application.source, application.revision)
        _wiring.relate_peers(application)
        if self._cloud.cluster:
            self._cloud.cluster.refresh(application)
        else:
            for unit in application.units:
                unit.restarting = True

    def trust(self, app: str, *, remove: bool = False) -> None:
        """Grant an application access to Kubernetes, or revoke it."""
        self._cloud.set_trust(self.application(app), trust=not remove)

    def config(
        self, app: str, values: Mapping[str, object] | None = None, *, reset: Sequence[str] = ()
    ) -> None:
        """Change the values of config options, and reset others to their default."""
        application = self.application(app)
        changed = {key: application.charm.option(key, value) for key, value in (values or {}).items()}
        kept = {key: value for key, value in application.settings.items() if key not in reset}
        application.settings = kept | changed

    def scale(self, app: str, units: int) -> None:
        """Scale an application; the last units are added or removed.

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
            application.units.append(self._lifecycle.new_unit(application, number))
        application.leader = application.leader or next(iter(application.units), None)
        if self._cloud.cluster:
            self._cloud.cluster.scale(application)
            self._cloud.cluster.sync_pods(application)

    def add_unit(self, app: str, count: int = 1) -> None:
        """Add units to an application."""
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
            self._lifecycle.remove_application(application)

    def integrate(self, one: str, other: str) -> Relation:
        """Relate two applications.

        Args:
            one: an application, or one of its endpoints as in `catalogue:metrics-endpoint`.
            other: the same, or the name of a consumed offer.

        Raises:
            JujuError: if no endpoints fit, several do, they are related already, or an endpoint has reached
                its limit.
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
        return _offers.offer(self, app, endpoints, name or app)

    def consume(self, url: str, alias: str | None = None) -> str:
        """Consume an offer of another model, so that applications of this one can relate to it.

        Args:
            url: what `offer` has returned: model and offer with a dot between them.
            alias: its name here.

        Returns:
            The name that the offer has in this model.

        Raises:
            JujuError: if there is no such offer, or the name is taken.
        """
        return _offers.consume(self, self._models, url, alias)

    def remove_saas(self, name: str) -> None:
        """Remove a consumed offer, and the relations with it."""
        _offers.remove_saas(self, name)

    def remove_offer(self, name: str) -> None:
        """Withdraw an offer.

        Raises:
            JujuError: if there is none of that name, or another model still consumes it.
        """
        _offers.remove_offer(self, self._models, name)

    def run(self, unit: str, action: str, params: Mapping[str, object] | None = None) -> ActionResult:
        """Run an action on a unit, now; `app/leader` is the leader.

        Args:
            unit: the unit's name.
            action: the action's name.
            params: its parameters; text is converted to the parameter's type.

        Raises:
            JujuError: if there is no such unit or action, or it does not take these parameters.
        """
        target = self.unit(unit)
        values = target.application.charm.parameters(action, params or {})
        reply = self._scheduler.run(target, Hook("action", action=action, params=values))
        if "state" in reply:
            return ActionResult(reply["results"], reply["messages"], reply["failure"])
        return ActionResult(failure=reply["traceback"])

    def resolve(self, unit: str, *, retry: bool = True) -> None:
        """Resolve a unit in error, by default with a retry of the event that failed."""
        target = self.unit(unit)
        if target.error is None:
            raise JujuError(f"{unit} is not in error")
        hook, target.error = target.error.hook, None
        if not retry:
            self._scheduler.complete(target, hook)

    def set_leader(self, unit: str) -> None:
        """Make a unit the leader of its application."""
        target = self.unit(unit)
        if old := target.application.leader:
            old.leadership_seen = False
        target.application.leader = target

    def kill(self, unit: str) -> None:
        """Kill a unit's pod, which is replaced; another unit takes over if it was the leader."""
        target = self.unit(unit)
        others = [other for other in target.application.living_units if other is not target]
        if target.is_leader and others:
            self.set_leader(others[0].name)
        self._lifecycle.replace_pod(target)

    def update_status(self, *apps: str) -> None:
        """Dispatch `update-status`, to all applications or some."""
        for name in apps or self.applications:
            for unit in self.application(name).units:
                unit.update_status_due = True

    def notify(self, unit: str, container: str, key: str, data: Mapping[str, str] | None = None) -> None:
        """Send a custom notice of Pebble from a workload."""
        notices = self.unit(unit).container(container).notices
        notices.append({"id": str(len(notices) + 1), "key": key, "data": dict(data or {})})

    def rotate_secret(self, secret_id: str) -> None:
        """Dispatch `secret-rotate` to the owner of a secret."""
        for secret in self._scheduler.secrets:
            if secret.id == secret_id:
                secret.rotation_due = True
                return
        raise JujuError(f"there is no secret {secret_id!r}")
