"""Why there is nothing to show."""


class CannotPackError(Exception):
    """A charm cannot be packed or inspected; the message has the remedy, in one line."""
