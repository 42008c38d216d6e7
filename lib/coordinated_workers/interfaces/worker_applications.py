"""The worker applications of a cluster, as their databags describe them."""

import functools
import logging
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import TypeVar

import ops
import pydantic

from relation_data import DatabagError, shown_name

from ..own_hosts import OwnHosts
from . import databags
from .databags import ClusterRequirerAppData, ClusterRequirerUnitData, WorkerTopology
from .validation import check_of_another_machine, host_of
from .worker_identity import NameTakenError, WorkerIdentities, juju_topology

logger = logging.getLogger(__name__)

_Model = TypeVar("_Model", bound=pydantic.BaseModel)

_LONGEST_NAMES = 100
_LOCALHOST = "localhost"


@dataclass(frozen=True)
class PublishedUnit:
    """A worker unit that has published its data."""

    name: str
    """The unit, as Juju calls it in this model."""
    relation: ops.Relation
    role: str | None
    """The role of its application."""
    data: ClusterRequirerUnitData
    """The data, under the name that its telemetry is known by."""
    is_routable: bool
    """True if requests can be sent to its address."""


@dataclass(frozen=True)
class WorkerApplication:
    """A worker application and its units, without those whose databags are invalid."""

    relation: ops.Relation
    role: str | None
    """The roles as published, comma-joined; None if there are none that this cluster has."""
    roles: frozenset[str]
    """The roles with meta roles taken apart."""
    number: int
    """The number of its units, whether they have published data or not."""
    units: tuple[PublishedUnit, ...]


class WorkerApplications:
    """The worker applications that are related over an endpoint; each databag is read once.

    Args:
        charm: the coordinator's charm.
        endpoint: the relation's name in charmcraft.yaml.
        roles: all roles of the cluster.
        meta_roles: meta role → the roles it stands for.
        last_read: the data that were last read, kept between hooks: they stay in use if Juju returns no
            databag.
    """

    def __init__(
        self,
        charm: ops.CharmBase,
        endpoint: str,
        roles: Iterable[str],
        meta_roles: Mapping[str, Iterable[str]],
        last_read: MutableMapping[str, str],
    ):
        self._charm = charm
        self._endpoint = endpoint
        self._roles = frozenset(roles)
        self._meta_roles = {meta: frozenset(roles) for meta, roles in meta_roles.items()}
        self._last_read = last_read
        self._read_now: dict[str, str] = {}
        self.own_hosts = OwnHosts(charm, endpoint)
        self.refused: dict[str, str] = {}
        """Unit or application → the invalid part of its databag, which is ignored everywhere else."""

    @functools.cached_property
    def relations(self) -> list[ops.Relation]:
        """The relations with worker applications, ready or not."""
        relations = (each for each in self._charm.model.relations[self._endpoint] if each.app)
        return sorted(relations, key=lambda relation: relation.id)

    @functools.cached_property
    def all(self) -> list[WorkerApplication]:
        """All worker applications."""
        applications = [self._read(relation) for relation in self.relations]
        if self._read_now != dict(self._last_read):
            self._last_read.clear()
            self._last_read.update(self._read_now)
        return applications

    def _load(
        self, relation: ops.Relation, author: ops.Application | ops.Unit, model: type[_Model]
    ) -> _Model | None:
        """Return the data that `author` published, or last published if Juju does not return its databag.

        Raises:
            ValueError: if they are invalid, or are not returned now and never were.
        """
        key = f"{relation.id} {author.name}"
        try:
            data = databags.load(relation, author, model)
        except DatabagError as error:
            if key not in self._last_read:
                raise
            self._refuse(author.name, f"{error}; keeping its last data")
            data = model.model_validate_json(self._last_read[key])
        if data:
            self._read_now[key] = data.model_dump_json()
        return data

    def _read(self, relation: ops.Relation) -> WorkerApplication:
        role = self._read_role(relation)
        units: list[PublishedUnit | None] = []
        for unit in sorted(relation.units, key=lambda unit: int(unit.name.rpartition("/")[2])):
            try:
                units.append(self._read_unit(relation, unit, role))
            except ValueError as error:
                self._refuse(unit.name, str(error))
        published = tuple(unit for unit in units if unit)
        return WorkerApplication(relation, role, self._expand(role), len(units), published)

    def _read_unit(self, relation: ops.Relation, unit: ops.Unit, role: str | None) -> PublishedUnit | None:
        """Return the data that a unit has published; None until they are complete.

        Raises:
            ValueError: if it is invalid.
        """
        data = self._load(relation, unit, ClusterRequirerUnitData)
        if data is None:
            return None
        topology = self._topology(relation, unit, data.juju_topology)
        host = host_of(data.address)
        if host != _LOCALHOST:
            self._check_address(host)
        is_routable = host == data.address != _LOCALHOST
        if not is_routable:
            logger.warning("sending no requests to %s: its address is localhost, or has a port", unit.name)
        named = data.model_copy(update={"juju_topology": topology})
        return PublishedUnit(unit.name, relation, role, named, is_routable)

    def _check_address(self, address: str) -> None:
        try:
            check_of_another_machine(address)
        except ValueError as error:
            raise ValueError(f"address: {error}") from None
        if address in self.own_hosts:
            raise ValueError(f"address: that of {self._charm.app.name} itself")

    def _topology(self, relation: ops.Relation, unit: ops.Unit, published: WorkerTopology) -> WorkerTopology:
        try:
            return self._identities.topology(relation, unit, published)
        except NameTakenError as error:
            self._refuse(unit.name, str(error))
            return juju_topology(unit, published)

    @functools.cached_property
    def _identities(self) -> WorkerIdentities:
        return WorkerIdentities({self._charm.app.name, *(relation.app.name for relation in self.relations)})

    def _read_role(self, relation: ops.Relation) -> str | None:
        try:
            data = self._load(relation, relation.app, ClusterRequirerAppData)
        except ValueError as error:
            self._refuse(relation.app.name, str(error))
            return None
        names = [name.strip() for name in ((data and data.role) or "").split(",") if name.strip()]
        known = [name for name in names if name in self._roles or name in self._meta_roles]
        if unknown := sorted(set(names) - set(known)):
            shown = ", ".join(map(shown_name, unknown))
            self._refuse(relation.app.name, f"role: not in this cluster: {shown[:_LONGEST_NAMES]}")
        return ",".join(known) or None

    def _expand(self, role: str | None) -> frozenset[str]:
        names = role.split(",") if role else []
        return frozenset[str]().union(*(self._meta_roles.get(name, (name,)) for name in names))

    def _refuse(self, name: str, why: str) -> None:
        logger.warning("ignored data of %s over %s: %s", name, self._endpoint, why)
        self.refused[name] = why
