"""The parts of a model."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from sandbox.host.messages import Status

from ._charm import CharmEndpoint, CharmMetadata, CharmSource, Value
from ._container import Container
from ._databag import Bag, Seen
from ._errors import JujuError
from ._hook import Hook, HookError, RelationName
from ._process import CharmProcess

UNKNOWN: Status = ("unknown", "")


@dataclass(eq=False, repr=False)
class Side:
    """One application's side of a relation."""

    application: "Application"
    endpoint: CharmEndpoint
    id: int
    """The relation's id in the application's model."""
    relation: "Relation" = field(init=False)
    remote_name: str = ""
    """The application on the other side, as the model of this one names it."""
    data: Bag = field(default_factory=Bag)
    unit_data: dict[int, Bag] = field(default_factory=dict[int, Bag])
    """By the number of the unit; kept when the unit has left."""
    present: set[int] = field(default_factory=set[int])
    """The units that take part now."""

    @property
    def other(self) -> "Side":
        """The other side, which is this one if the application is related to itself."""
        return next((side for side in self.relation.sides if side is not self), self)

    @property
    def is_peer(self) -> bool:
        """True if this relates the units of one application."""
        return self.endpoint.role == "peers"

    @property
    def relation_name(self) -> RelationName:
        """The relation, as events for this side name it."""
        return RelationName(self.id, self.endpoint.name, self.remote_name)

    def remote_unit(self, number: int) -> str:
        """Return the name that this side's model has for a unit of the other side."""
        return f"{self.remote_name}/{number}"


@dataclass(eq=False, repr=False)
class Relation:
    """A relation between two applications, or between the units of one."""

    sides: tuple[Side, ...]
    dying: bool = False

    def __post_init__(self):
        for side in self.sides:
            side.relation = self

    @property
    def exists(self) -> bool:
        """True until it is removed completely."""
        return self in self.sides[0].application.model.relations

    def __str__(self) -> str:
        return " ".join(f"{side.application.name}:{side.endpoint.name}" for side in self.sides)


@dataclass(eq=False, repr=False)
class Unit:
    """A unit: the values that its charm has set, and the events that it had."""

    application: "Application"
    number: int
    address: str
    process: CharmProcess
    containers: dict[str, Container]
    storages: dict[str, Path]
    status: Status = ("waiting", "installing agent")
    workload_version: str = ""
    opened_ports: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    memory: str = ""
    pod_uid: str = ""
    error: HookError | None = None
    history: list[Hook] = field(default_factory=list[Hook])
    """Every event that its charm has been given, in order."""

    seen: dict[int, Seen] = field(default_factory=dict[int, Seen])
    """By relation id."""
    storages_attached: set[str] = field(default_factory=set[str])
    installed: bool = False
    leadership_seen: bool = False
    upgrade_due: bool = False
    config_seen: dict[str, Value] | None = None
    started: bool = False
    update_status_due: bool = False
    restarts: int = 0
    """How often its pod was replaced."""
    lost: bool = False
    """Its pod was replaced while its application was dying: Juju takes no such pod back."""
    restarting: bool = False
    """Its pod is about to be replaced."""
    dying: bool = False
    stopped: bool = False
    removed: bool = False

    @property
    def name(self) -> str:
        """Such as `catalogue/0`."""
        return f"{self.application.name}/{self.number}"

    @property
    def pod(self) -> str:
        """The name of its pod."""
        return f"{self.application.name}-{self.number}"

    @property
    def fqdn(self) -> str:
        """The name under which others reach its pod."""
        application = self.application
        return f"{self.pod}.{application.name}-endpoints.{application.model.name}.svc.cluster.local"

    @property
    def is_leader(self) -> bool:
        """True if it is its application's leader."""
        return self.application.leader is self

    @property
    def workload_status(self) -> Status:
        """The status that `juju status` shows: the charm's own, or that a hook failed."""
        return ("error", f"hook failed: {self.error.hook}") if self.error else self.status

    def replace_pod(self, containers: dict[str, Container]) -> None:
        """Start in a new pod; only storages outlive the old one."""
        self.containers = containers
        self.restarting = self.stopped = self.started = False
        self.upgrade_due = True

    def container(self, name: str) -> Container:
        """The container of that name."""
        try:
            return self.containers[name]
        except KeyError:
            raise JujuError(f"{self.name} has no container {name!r}") from None


@dataclass(eq=False, repr=False)
class Application:
    """An application: a charm, its units and its settings."""

    model: "ModelContents"
    name: str
    charm: CharmMetadata
    source: CharmSource
    process: CharmProcess
    """Of the charm's latest revision."""
    settings: dict[str, Value]
    """The config options that differ from the charm's defaults."""
    units: list[Unit] = field(default_factory=list[Unit])
    leader: Unit | None = None
    own_status: Status = UNKNOWN
    """What the leader has set."""
    revision: int = 0
    """Counts the refreshes."""
    cluster_ip: str = ""
    """The address of its Service, where there is a Kubernetes."""
    trust: bool = True
    dying: bool = False
    uuid: str = field(default_factory=lambda: uuid4().hex)

    @property
    def config(self) -> dict[str, Value]:
        """All options that have a value."""
        return self.charm.defaults() | self.settings

    @property
    def living_units(self) -> list[Unit]:
        """The units that are not being removed."""
        return [unit for unit in self.units if not unit.dying]

    @property
    def sides(self) -> list[Side]:
        """Its sides of its relations, in order of the relations' ids."""
        sides = itertools.chain.from_iterable(relation.sides for relation in self.model.relations)
        return sorted((side for side in sides if side.application is self), key=lambda side: side.id)

    def side(self, relation_id: int) -> Side:
        """Return its side of the relation with that id in its model."""
        return next(side for side in self.sides if side.id == relation_id)

    @property
    def status(self) -> Status:
        """The status that `juju status` shows: the leader's, or else the worst of the units'."""
        if self.own_status != UNKNOWN:
            return self.own_status
        order = ("error", "blocked", "maintenance", "waiting", "active", "unknown")
        statuses = [unit.workload_status for unit in self.units]
        return min(statuses, key=lambda status: order.index(status[0]), default=UNKNOWN)

    @property
    def workload_version(self) -> str:
        """Return the version of its workload, as the leader set it."""
        return self.leader.workload_version if self.leader else ""

    @property
    def ports(self) -> list[tuple[str, int]]:
        """Protocol and number of the ports that its Service has open."""
        return sorted(set(itertools.chain.from_iterable(unit.opened_ports for unit in self.units)))

    def endpoint(self, name: str) -> CharmEndpoint:
        """The endpoint of that name."""
        try:
            return self.charm.endpoints[name]
        except KeyError:
            raise JujuError(f"{self.name} has no endpoint {name!r}") from None


@dataclass(frozen=True)
class Offer:
    """Endpoints of an application that other models may relate to."""

    application: Application
    endpoints: tuple[CharmEndpoint, ...]


@dataclass(eq=False, repr=False)
class ModelContents:
    """The applications of a model, and their relations."""

    name: str
    juju: int = 3
    """The major version of Juju."""
    uuid: str = field(default_factory=lambda: str(uuid4()))
    applications: dict[str, Application] = field(default_factory=dict[str, Application])
    relations: list[Relation] = field(default_factory=list[Relation])
    """Those between models are in both."""
    offers: dict[str, Offer] = field(default_factory=dict[str, Offer])
    consumed: dict[str, Offer] = field(default_factory=dict[str, Offer])
    """Offers of other models, by the name that they have in this one."""
    _relation_ids: Iterator[int] = field(default_factory=itertools.count)

    @property
    def units(self) -> list[Unit]:
        """The units of all applications."""
        return list(itertools.chain.from_iterable(app.units for app in self.applications.values()))

    def application(self, name: str) -> Application:
        """Return the application of that name.

        Raises:
            JujuError: if there is none.
        """
        try:
            return self.applications[name]
        except KeyError:
            there = ", ".join(self.applications) or "none"
            raise JujuError(f"there is no application {name!r} in {self.name}; there is {there}") from None

    def unit(self, name: str) -> Unit:
        """Return the unit of that name; `app/leader` is the leader.

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
        """Return an id that no relation of this model has had."""
        return next(self._relation_ids)
