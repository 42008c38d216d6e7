"""The reasons that keep the control plane from running."""


class ControlPlaneError(Exception):
    """A program of the control plane fails."""


class NotAvailableError(ControlPlaneError):
    """The control plane cannot run on this machine, or in this cluster; the message has the reason."""
