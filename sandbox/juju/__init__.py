"""Juju, as charms see it: models, relations, leadership, secrets, and events in Juju's order."""

from ._charm import LIBRARIES, CharmSource
from ._container import Container
from ._controller import Controller
from ._databag import Bag
from ._errors import JujuError, NotSettledError
from ._hook import Hook
from ._log import OPERATIONS, DebugLogLine
from ._model import ActionResult, Model
from ._objects import Application, Relation, Side, Unit
from ._secrets import Secret
from ._workload import Command, CommandResult, ContainerRuntime, NoWorkload, WorkloadError

__all__ = [
    "LIBRARIES",
    "OPERATIONS",
    "ActionResult",
    "Application",
    "Bag",
    "CharmSource",
    "Command",
    "CommandResult",
    "Container",
    "ContainerRuntime",
    "Controller",
    "DebugLogLine",
    "Hook",
    "JujuError",
    "Model",
    "NoWorkload",
    "NotSettledError",
    "Relation",
    "Secret",
    "Side",
    "Unit",
    "WorkloadError",
]
