"""Errors that are shown in place of a result."""


class CannotPackError(Exception):
    """A charm cannot be packed or inspected; the message has the remedy, in one line."""
