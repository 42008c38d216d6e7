"""The first hooks of a unit, in which Juju may not show all of its relations yet."""

import ops

from relation_data import Message

_FIRST = (
    ops.InstallEvent,
    ops.StorageEvent,
    ops.LeaderElectedEvent,
    ops.ConfigChangedEvent,
    ops.RelationCreatedEvent,
    ops.PebbleReadyEvent,
    ops.SecretEvent,
)


class Startup(ops.Object):
    """The time from a unit's installation to its start; a missing relation may not be visible yet."""

    _stored = ops.StoredState()

    def __init__(self, charm: ops.CharmBase, key: str):
        super().__init__(charm, key)
        self._stored.set_default(under_way=False)
        self.framework.observe(charm.on.install, self._on_install)
        for event in charm.on.events().values():
            is_hook = issubclass(event.event_type, ops.HookEvent | ops.ActionEvent)
            if is_hook and not issubclass(event.event_type, _FIRST):
                self.framework.observe(event, self._on_later_event)

    @property
    def is_under_way(self) -> bool:
        """True until the unit has started."""
        return bool(self._stored.under_way)

    def status(self, message: Message) -> ops.StatusBase:
        """Return the status of a unit that lacks a relation: blocked, or waiting until it has started."""
        return message.waiting() if self.is_under_way else message.blocked()

    def _on_install(self, _: ops.InstallEvent) -> None:
        self._stored.under_way = True

    def _on_later_event(self, _: ops.EventBase) -> None:
        if self._stored.under_way:
            self._stored.under_way = False
