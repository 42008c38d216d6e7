"""Stands in for a library that only Charmhub has: it does nothing, in no time."""

from typing import Any

ReceiverProtocol = str


class TracingEndpointRequirer:
    """Requests receivers of traces; there are none."""

    def __init__(self, charm: Any, **options: Any):
        """Nothing."""

    def is_ready(self) -> bool:
        """Return whether there is a receiver."""
        return False

    def get_all_endpoints(self) -> None:
        """The receivers."""
