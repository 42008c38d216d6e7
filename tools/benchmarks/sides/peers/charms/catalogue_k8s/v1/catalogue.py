"""Stands in for a library that only Charmhub has: it does nothing, in no time."""

from typing import Any


class CatalogueItem:
    """The items that a catalogue shows."""


class CatalogueConsumer:
    """Lists the application in a catalogue."""

    def __init__(self, charm: Any, relation_name: str):
        """Nothing."""
