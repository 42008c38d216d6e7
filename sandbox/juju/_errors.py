"""Errors of operations on a model."""


class JujuError(Exception):
    """An operation that is not possible; the message has the reason."""


class NotSettledError(JujuError):
    """A charm does not settle; the message names it and its last events."""
