"""The processes of a model's units, on this machine."""

from ._names import NameServer
from ._processes import Missing, Processes

__all__ = ["Missing", "NameServer", "Processes"]
