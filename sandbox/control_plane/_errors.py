"""What keeps the control plane from running."""


class ControlPlaneError(Exception):
    """A program of the control plane does not do what it should."""


class NotAvailableError(ControlPlaneError):
    """This machine lacks something that the control plane needs; the message says what."""
