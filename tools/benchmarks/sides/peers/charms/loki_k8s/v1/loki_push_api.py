"""Stands in for a library that only Charmhub has: it does nothing, in no time."""

from typing import Any


class LokiPushApiConsumer:
    """Sends alert rules."""

    def __init__(self, charm: Any, **options: str):
        """Nothing."""

    def reload_alerts(self) -> None:
        """Nothing."""


class LogForwarder(LokiPushApiConsumer):
    """Stands in for log forwarding by Pebble."""


class _PebbleLogClient:
    """Configures Pebble's log targets."""
