"""Why there is nothing to show."""


class CannotPackError(Exception):
    """A charm can't be packed or looked into; says what to do about it, in one line."""
