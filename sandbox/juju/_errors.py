"""What can go wrong when a model is told to do something."""


class JujuError(Exception):
    """Something was asked for that the model can't do; the message says why."""


class NotSettledError(JujuError):
    """A charm does not come to rest; the message names it and its last events."""
