"""Units that are removed, all of an application's or some while others stay."""

import logging

import ops

from relation_data import one_line

logger = logging.getLogger(__name__)

_LONGEST_REASON = 120


def planned_units(charm: ops.CharmBase) -> int:
    """Return the planned number of units of the charm's application; 0 if it is being removed.

    Some releases of Juju fail to return it while the application has a relation with another model. Then this
    unit and its peers are counted, so that nothing is removed.
    """
    try:
        return charm.app.planned_units()
    except ops.ModelError as error:
        reason = one_line(str(error).strip(), longest=_LONGEST_REASON)
        logger.warning("counting the present units, as Juju returned no planned ones: %s", reason)
    peers = [charm.model.get_relation(name) for name in charm.meta.peers]
    return 1 + max((len(relation.units) for relation in peers if relation), default=0)


class ScaleDown(ops.Object):
    """The removal of this unit while other units of its application stay.

    Juju reports the relations of such a unit as broken, one after the other, though the application keeps
    them, and does not take leadership from it. If such a leader acted on that, it would remove objects of the
    whole application, which the next leader would have to restore. So it does nothing.

    A unit learns of its removal when it departs from the first relation with other units. It gets no
    `update-status` after that; a unit that gets one is not removed.

    Args:
        charm: the unit's charm; create this before any object that uses it.
        key: the key of this object, unique in the charm.
    """

    _stored = ops.StoredState()

    def __init__(self, charm: ops.CharmBase, key: str = "departure"):
        super().__init__(charm, key)
        self._charm = charm
        self._stored.set_default(departed=False)
        for name in charm.meta.relations:
            self.framework.observe(charm.on[name].relation_departed, self._on_departed)
        self.framework.observe(charm.on.update_status, self._on_update_status)

    @property
    def is_under_way(self) -> bool:
        """True if this unit is being removed and others stay."""
        return bool(self._stored.departed) and planned_units(self._charm) > 0

    def _on_departed(self, event: ops.RelationDepartedEvent) -> None:
        if event.departing_unit == self._charm.unit:
            self._stored.departed = True

    def _on_update_status(self, _: ops.EventBase) -> None:
        if self._stored.departed:
            self._stored.departed = False
