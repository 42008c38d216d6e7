"""The destination of a coordinator's traces."""

from collections.abc import Iterable
from functools import cached_property

import ops

from cos_interfaces import tracing


class TracingRequirer:
    """A tracing relation, if the charm has one, and the protocols that are requested over it."""

    def __init__(self, charm: ops.CharmBase, relation_name: str | None, protocols: Iterable[str]):
        self._charm = charm
        self._relation_name = relation_name
        self._protocols = tuple(protocols)

    def request(self) -> None:
        """Request the protocols from each related backend, if they were not requested yet."""
        if self._relation_name and self._protocols:
            tracing.request(self._charm, self._protocols, relation_name=self._relation_name)

    @cached_property
    def receivers(self) -> dict[str, str]:
        """Protocol → where to send traces in it."""
        if not self._relation_name:
            return {}
        return tracing.receivers(self._charm, relation_name=self._relation_name)

    def is_ready(self) -> bool:
        """Return whether there is a receiver of traces."""
        return bool(self.receivers)

    def get_endpoint(self, protocol: str) -> str | None:
        """Return the receiver's URL in this protocol; None if there is none."""
        return self.receivers.get(protocol)
