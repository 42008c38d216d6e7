"""The ports of a worker's unit: open while the coordinator names them, and closed when it does not."""

import logging
from collections.abc import Collection
from typing import cast

import ops

logger = logging.getLogger(__name__)


class WorkerPorts(ops.Object):
    """The ports that were opened for the coordinator.

    A charm may open others itself where the coordinator names none. A unit without a record of the
    coordinator's ports closes all, once, before the charm opens its own.
    """

    _stored = ops.StoredState()

    def __init__(self, charm: ops.CharmBase):
        super().__init__(charm, "worker-ports")
        self._unit = charm.unit
        self._stored.set_default(opened=None)

    def reconcile(self, named: Collection[int]) -> None:
        """Open the ports that the coordinator names, and no others; close them if it names none any more."""
        opened = cast("list[int] | None", self._stored.opened)
        try:
            if named or opened is None:
                self._unit.set_ports(*named)
            else:
                for port in opened:
                    self._unit.close_port("tcp", port)
        except ops.ModelError as error:
            logger.warning("cannot open or close ports: %s", str(error).strip())
            return
        if opened is None or sorted(opened) != sorted(named):
            self._stored.opened = sorted(named)
