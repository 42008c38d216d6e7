"""Units that go while others of their application stay."""

import ops


class ScaleDown(ops.Object):
    """Tells whether this unit is being removed while other units of its application stay.

    Juju shows such a unit one relation after the other as broken, though they go on without it, and lets a
    leader lead until it is gone. A leader that acted on what it sees then would take its whole application
    apart, for the next leader to put it together again. It better does nothing any more.

    A unit learns that it goes when it departs from the first relation in which there is anybody else. It gets
    no `update-status` from then on; one that does stays after all.

    Args:
        charm: the unit's charm; make this before what asks it in the hook in which the unit learns it.
        key: no other object of the charm may have it.
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
        """Whether this unit goes and others stay."""
        return bool(self._stored.departed) and self._charm.app.planned_units() > 0

    def _on_departed(self, event: ops.RelationDepartedEvent) -> None:
        if event.departing_unit == self._charm.unit:
            self._stored.departed = True

    def _on_update_status(self, _: ops.EventBase) -> None:
        if self._stored.departed:
            self._stored.departed = False
