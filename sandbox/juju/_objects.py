"""What a model consists of."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sandbox.host.messages import CheckState, NoticeState, Status

from ._charm import Charm, Endpoint, Value
from ._errors import JujuError

if TYPE_CHECKING:
    from ops import pebble

    from ._hooks import Hook
    from ._model import Model
    from ._process import CharmProcess

UNKNOWN: Status = ("unknown", "")

# A container image has these; a charm may expect them to be there.
_DIRECTORIES = ("bin", "etc", "home", "lib", "opt", "root", "run", "srv", "tmp", "usr", "var")


@dataclass(eq=False, repr=False)
class Bag:
    """A databag."""

    data: dict[str, str] = field(default_factory=dict[str, str])
    version: int = 0
    """Counts the changes."""

    def replace(self, data: Mapping[str, str]) -> None:
        """Let the bag contain `data` and nothing else."""
        if self.data != data:
            self.data = dict(data)
            self.version += 1


@dataclass(eq=False, repr=False)
class Side:
    """One application's side of a relation."""

    application: "Application"
    endpoint: Endpoint
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
        """Whether this relates the units of one application."""
        return self.endpoint.role == "peers"

    def remote_unit(self, number: int) -> str:
        """A unit of the other side, as this side's model names it."""
        return f"{self.remote_name}/{number}"

    def enter(self, unit: "Unit") -> None:
        """Let a unit take part, and others see its address."""
        if unit.number not in self.present:
            bag = self.unit_data.setdefault(unit.number, Bag())
            address = unit.address
            bag.replace(
                {"egress-subnets": f"{address}/32", "ingress-address": address, "private-address": address}
            )
            bag.version += 1
            self.present.add(unit.number)


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
        """Whether it is, or has come to its end."""
        return self in self.sides[0].application.model.relations

    def __str__(self) -> str:
        return " ".join(f"{side.application.name}:{side.endpoint.name}" for side in self.sides)


@dataclass
class Seen:
    """What a unit has been told about a relation."""

    members: dict[int, int] = field(default_factory=dict[int, int])
    """The remote units that it was told of, with the version of the data that it was told of."""
    app_version: int = 0
    just_joined: int | None = None
    """The remote unit whose data it is told of next, for it has just joined."""


@dataclass(eq=False, repr=False)
class Container:
    """A container of a unit: what is set up in it, and its files as real ones below `root`."""

    name: str
    root: Path
    mounts: Mapping[str, Path]
    """Directories that outlive the container, by location in it."""
    can_connect: bool = False
    layers: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])
    services: dict[str, str] = field(default_factory=dict[str, str])
    """Each service that was ever started: "active", "inactive" or "error"."""
    checks: list[CheckState] = field(default_factory=list[CheckState])
    notices: list[NoticeState] = field(default_factory=list[NoticeState])
    ready_told: bool = False
    down_told: set[str] = field(default_factory=set[str])
    notices_told: set[str] = field(default_factory=set[str])

    @property
    def plan(self) -> "pebble.Plan":
        """The Pebble plan that follows from the layers."""
        from ops import pebble, testing

        layers = {label: pebble.Layer(layer) for label, layer in self.layers}  # pyright: ignore[reportArgumentType]  # a LayerDict, for it came from one
        return testing.Container(self.name, layers=layers).plan

    def start(self) -> None:
        """Begin with the files of an image, whatever was there before."""
        shutil.rmtree(self.root, ignore_errors=True)
        for name in _DIRECTORIES:
            (self.root / name).mkdir(parents=True)
        for location, directory in self.mounts.items():
            place = self.root / location.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(directory)

    def check(self, name: str) -> CheckState:
        """The check of that name."""
        for check in self.checks:
            if check["name"] == name:
                return check
        raise JujuError(f"container {self.name!r} has no check {name!r}")

    def set_check(self, name: str, *, up: bool) -> None:
        """Let a Pebble check fail or recover; the charm is told when the model settles."""
        check = self.check(name)
        check["status"] = "up" if up else "down"
        check["failures"] = 0 if up else check["threshold"]


@dataclass(frozen=True)
class HookError:
    """Why a unit is in error."""

    hook: "Hook"
    traceback: str


@dataclass(eq=False, repr=False)
class Unit:
    """A unit, what its charm has said, and what it has been told."""

    application: "Application"
    number: int
    address: str
    process: "CharmProcess"
    containers: dict[str, Container]
    storages: dict[str, Path]
    status: Status = ("waiting", "installing agent")
    workload_version: str = ""
    opened_ports: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    memory: str = ""
    pod_uid: str = ""
    error: HookError | None = None
    history: list["Hook"] = field(default_factory=list["Hook"])
    """Every event that its charm has been given, in order."""

    seen: dict[int, Seen] = field(default_factory=dict[int, Seen])
    """By relation id."""
    storages_attached: set[str] = field(default_factory=set[str])
    installed: bool = False
    leadership_told: bool = False
    upgrade_due: bool = False
    config_told: dict[str, Value] | None = None
    started: bool = False
    update_status_due: bool = False
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
        """Whether it is its application's leader."""
        return self.application.leader is self

    @property
    def workload_status(self) -> Status:
        """What `juju status` shows: the charm's own status, or that a hook failed."""
        return ("error", f"hook failed: {self.error.hook}") if self.error else self.status

    def replace_pod(self, containers: dict[str, Container]) -> None:
        """Begin anew in a fresh pod; only storages outlive the old one."""
        self.containers = containers
        self.restarting = self.stopped = self.started = False
        self.upgrade_due = True

    def container(self, name: str) -> Container:
        """The container of that name."""
        try:
            return self.containers[name]
        except KeyError:
            raise JujuError(f"{self.name} has no container {name!r}") from None


@dataclass(frozen=True)
class CharmSource:
    """Where a charm comes from, and what runs it."""

    directory: Path
    python: str
    pythonpath: tuple[Path, ...]


@dataclass(eq=False, repr=False)
class Application:
    """An application: a charm, its units and its settings."""

    model: "Model"
    name: str
    charm: Charm
    source: CharmSource
    process: "CharmProcess"
    """Of the charm's latest revision."""
    settings: dict[str, Value]
    """The config options that differ from the charm's defaults."""
    units: list[Unit] = field(default_factory=list[Unit])
    leader: Unit | None = None
    own_status: Status = UNKNOWN
    """What the leader has set."""
    revision: int = 0
    """Counts the refreshes."""
    trust: bool = True
    dying: bool = False
    uuid: str = field(default_factory=lambda: uuid4().hex)

    @property
    def config(self) -> dict[str, Value]:
        """All options that have a value."""
        return self.charm.defaults() | self.settings

    @property
    def living_units(self) -> list[Unit]:
        """The units that are to stay."""
        return [unit for unit in self.units if not unit.dying]

    @property
    def sides(self) -> list[Side]:
        """Its sides of its relations, in order of the relations' ids."""
        sides = [side for relation in self.model.relations for side in relation.sides]
        return sorted((side for side in sides if side.application is self), key=lambda side: side.id)

    @property
    def status(self) -> Status:
        """What `juju status` shows: the leader's word, or else the worst of the units'."""
        if self.own_status != UNKNOWN:
            return self.own_status
        order = ("error", "blocked", "maintenance", "waiting", "active", "unknown")
        statuses = [unit.workload_status for unit in self.units]
        return min(statuses, key=lambda status: order.index(status[0]), default=UNKNOWN)

    @property
    def workload_version(self) -> str:
        """The version that its workload has, as the leader says."""
        return self.leader.workload_version if self.leader else ""

    @property
    def ports(self) -> list[tuple[str, int]]:
        """Protocol and number of the ports that its Service has open."""
        return sorted({port for unit in self.units for port in unit.opened_ports})

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint of that name."""
        try:
            return self.charm.endpoints[name]
        except KeyError:
            raise JujuError(f"{self.name} has no endpoint {name!r}") from None


@dataclass(frozen=True)
class Offer:
    """Endpoints of an application that other models may relate to."""

    application: Application
    endpoints: tuple[Endpoint, ...]


@dataclass
class Consumer:
    """A unit that has read a secret."""

    revision: int
    label: str | None = None
    told: int = 0
    """The latest revision that it was told of."""


@dataclass(eq=False, repr=False)
class Secret:
    """A secret, all of its revisions, and who may read it."""

    id: str
    owner: Application | Unit
    revisions: dict[int, dict[str, str]]
    latest: int = 1
    label: str | None = None
    description: str | None = None
    rotate: str | None = None
    grants: dict[Side, set[str]] = field(default_factory=dict[Side, set[str]])
    """By the owner's side of a relation: applications and units, as the owner's model names them."""
    consumers: dict[Unit, Consumer] = field(default_factory=dict[Unit, Consumer])
    obsolete_told: set[int] = field(default_factory=set[int])
    rotation_due: bool = False

    @property
    def manager(self) -> Unit | None:
        """The unit that may change it."""
        return self.owner if isinstance(self.owner, Unit) else self.owner.leader

    def is_owned_by(self, unit: Unit) -> bool:
        """Whether a unit or its application owns it."""
        return self.owner in (unit, unit.application)

    def is_readable_by(self, unit: Unit) -> bool:
        """Whether a unit may read it: as the owner's, or because it was granted over a relation."""
        return self.is_owned_by(unit) or any(
            side.relation.exists
            and side.other.application is unit.application
            and names & {side.remote_name, side.remote_unit(unit.number)}
            for side, names in self.grants.items()
        )

    def obsolete(self) -> Iterator[int]:
        """The revisions that nobody needs any more."""
        tracked = {consumer.revision for unit, consumer in self.consumers.items() if unit is not self.manager}
        return (revision for revision in sorted(self.revisions) if revision not in tracked | {self.latest})
