"""Packs the project's charms with charmcraft, and checks that packed charms are complete."""

from ._bases import BASES, Base
from ._charm_file import CharmFile
from ._charmcraft import pack
from ._checks import notes, problems
from ._errors import CannotPackError
from ._imports import Imports, follow
from ._stage import stage
from ._trial import Call, RelationData, Trial, TrialEvent, TrialOutcome, TrialWorld

__all__ = [
    "BASES",
    "Base",
    "Call",
    "CannotPackError",
    "CharmFile",
    "Imports",
    "RelationData",
    "Trial",
    "TrialEvent",
    "TrialOutcome",
    "TrialWorld",
    "follow",
    "notes",
    "pack",
    "problems",
    "stage",
]
