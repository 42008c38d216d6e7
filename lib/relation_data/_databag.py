"""Reading and writing a databag, whatever Juju makes of it."""

import logging
from collections.abc import Mapping

import ops

from ._text import one_line

logger = logging.getLogger(__name__)

_LONGEST_REASON = 120
_NOT_GIVEN_OUT = "Juju does not give out its databag"


class DatabagError(ValueError):
    """A databag that Juju does not give out; the message is one line."""


def read(relation: ops.Relation, author: ops.Application | ops.Unit) -> dict[str, str]:
    """Return everything that `author` wrote over `relation`.

    Raises:
        DatabagError: if Juju does not give it out, or gives out what is not text.
    """
    try:
        databag = dict(relation.data[author])
    except (ops.ModelError, ValueError) as error:
        raise DatabagError(f"{_NOT_GIVEN_OUT}: {_shown(error)}") from error
    if not databag and not relation.active:
        # of a relation that is gone for Juju, and not yet for the charm; ops has it as empty
        raise DatabagError(f"{_NOT_GIVEN_OUT}: relation not found")
    return databag


def read_remote(relation: ops.Relation) -> dict[str, str]:
    """Return everything that the remote application wrote over `relation`.

    Raises:
        DatabagError: as `read` does, and if it is not known which application that is.
    """
    if not relation.app:
        raise DatabagError(f"{_NOT_GIVEN_OUT}: relation not found")
    return read(relation, relation.app)


def write(relation: ops.Relation, author: ops.Application | ops.Unit, values: Mapping[str, str]) -> bool:
    """Set `values` where they differ; an empty value removes its key, other keys are left alone.

    Every key that is set wakes up each unit of the other side.

    Returns:
        Whether the databag holds them now. A relation that is gone takes none, which is logged.
    """
    databag = relation.data[author]
    try:
        changed = {key: value for key, value in values.items() if databag.get(key, "") != value}
        if changed:
            databag.update(changed)
    except (ops.ModelError, ValueError) as error:
        logger.warning("%s:%d: databag not written: %s", relation.name, relation.id, _shown(error))
        return False
    return True


def _shown(error: Exception) -> str:
    """Return the reason of Juju's tool, or of what parses its answer, without the tool's command line."""
    text = str(error).strip().removeprefix("ERROR ") or type(error).__name__
    return one_line(text, longest=_LONGEST_REASON)
