"""Packs the project's charms with charmcraft, and shows that what was packed is whole."""

from ._bases import BASES, Base
from ._charm_file import CharmFile
from ._charmcraft import pack
from ._checks import notes, problems
from ._errors import CannotPackError
from ._imports import Imports, follow
from ._stage import stage
from ._trial import Call, Event, Outcome, RelationData, Trial, World

__all__ = [
    "BASES",
    "Base",
    "Call",
    "CannotPackError",
    "CharmFile",
    "Event",
    "Imports",
    "Outcome",
    "RelationData",
    "Trial",
    "World",
    "follow",
    "notes",
    "pack",
    "problems",
    "stage",
]
