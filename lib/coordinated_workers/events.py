"""The events of a unit after which everything is reconciled."""

from collections.abc import Iterator

import ops

# In these the unit is being removed, or has nothing to reconcile.
_NOT_RECONCILED = (ops.StopEvent, ops.RemoveEvent, ops.CollectMetricsEvent)


def reconciled_hooks(charm: ops.CharmBase) -> Iterator[ops.BoundEvent]:
    """Return the events of all hooks that may find something to change."""
    for event in charm.on.events().values():
        kind = event.event_type
        if issubclass(kind, ops.HookEvent) and not issubclass(kind, _NOT_RECONCILED):
            yield event


def actions(charm: ops.CharmBase) -> Iterator[ops.BoundEvent]:
    """Return the events of the charm's actions."""
    for event in charm.on.events().values():
        if issubclass(event.event_type, ops.ActionEvent):
            yield event
