"""Secrets of applications and units."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ._objects import Application, Side, Unit


@dataclass
class SecretConsumer:
    """A unit that has read a secret."""

    revision: int
    label: str | None = None
    seen: int = 0
    """The latest revision that it has had an event for."""


@dataclass(eq=False, repr=False)
class Secret:
    """A secret, all of its revisions, and its readers."""

    id: str
    owner: Application | Unit
    revisions: dict[int, dict[str, str]]
    latest: int = 1
    label: str | None = None
    description: str | None = None
    rotate: str | None = None
    grants: dict[Side, set[str]] = field(default_factory=dict[Side, set[str]])
    """By the owner's side of a relation: applications and units, as the owner's model names them."""
    consumers: dict[Unit, SecretConsumer] = field(default_factory=dict[Unit, SecretConsumer])
    obsolete_seen: set[int] = field(default_factory=set[int])
    rotation_due: bool = False

    @property
    def manager(self) -> Unit | None:
        """The unit that may change it."""
        return self.owner if isinstance(self.owner, Unit) else self.owner.leader

    def is_owned_by(self, unit: Unit) -> bool:
        """Return whether a unit or its application owns it."""
        return self.owner in (unit, unit.application)

    def is_readable_by(self, unit: Unit) -> bool:
        """Return whether a unit may read it: as the owner's, or because it was granted over a relation."""
        return self.is_owned_by(unit) or any(
            side.relation.exists
            and side.other.application is unit.application
            and names & {side.remote_name, side.remote_unit(unit.number)}
            for side, names in self.grants.items()
        )

    def obsolete(self) -> Iterator[int]:
        """Return the revisions that no unit needs any more."""
        tracked = {consumer.revision for unit, consumer in self.consumers.items() if unit is not self.manager}
        return (revision for revision in sorted(self.revisions) if revision not in tracked | {self.latest})
