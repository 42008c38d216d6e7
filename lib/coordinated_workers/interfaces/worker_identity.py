"""The names of worker units, which label their telemetry: each belongs to one unit only."""

import logging
from collections.abc import Iterable

import ops

from charmlibs.interfaces.service_mesh import is_cross_model_name
from relation_data import shown_name

from .databags import WorkerTopology

logger = logging.getLogger(__name__)


class NameTakenError(ValueError):
    """A name that a unit of an earlier relation has: this one gets the name that Juju gives it."""


class WorkerIdentities:
    """The names given to units; call it in the order of the relations' ids.

    An application of this model has the name that Juju gives it. One of another model has another name here
    than in its own model: it gets the name that it published, unless an earlier one has it.

    Args:
        local: the names that applications have in this model.
    """

    def __init__(self, local: Iterable[str]):
        self._local = frozenset(local)
        self._relations: dict[str, int] = {}
        """Application → the relation whose units go by its name."""
        self._units: set[str] = set()

    def topology(self, relation: ops.Relation, unit: ops.Unit, published: WorkerTopology) -> WorkerTopology:
        """Return the names of a unit, given the names that it published.

        Raises:
            NameTakenError: if an earlier one has the published names.
            ValueError: if they are those of another application.
        """
        if not is_cross_model_name(unit.app.name):
            if (published.application, published.unit) != (unit.app.name, unit.name):
                shown = shown_name(published.unit)
                logger.warning(
                    "%s sent the name %s: its telemetry is labelled as %s", unit.name, shown, unit.name
                )
            return juju_topology(unit, published)
        application = published.unit.rpartition("/")[0]
        if published.application != application or application in self._local - {unit.app.name}:
            raise ValueError(f"juju_topology: a name that is not {unit.name}'s own")
        is_taken = self._relations.setdefault(application, relation.id) != relation.id
        if is_taken or published.unit in self._units:
            raise NameTakenError(f"juju_topology: {shown_name(published.unit)} is another unit's name")
        self._units.add(published.unit)
        return published


def juju_topology(unit: ops.Unit, published: WorkerTopology) -> WorkerTopology:
    """Return the topology of a unit with the names that Juju gives it."""
    return published.model_copy(update={"application": unit.app.name, "unit": unit.name})
