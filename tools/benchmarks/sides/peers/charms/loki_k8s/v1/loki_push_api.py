"""In place of a library that only Charmhub has: it does nothing, which takes no time."""

from typing import Any


class LokiPushApiConsumer:
    """Sends alert rules."""

    def __init__(self, charm: Any, **options: str):
        """Nothing."""

    def reload_alerts(self) -> None:
        """Nothing."""


class LogForwarder(LokiPushApiConsumer):
    """Has Pebble send logs."""


class _PebbleLogClient:
    """Configures Pebble's log targets."""
