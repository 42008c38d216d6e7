"""Reading and writing a databag, whatever Juju makes of it."""

import logging
from collections.abc import Mapping

import ops

from ._text import one_line

logger = logging.getLogger(__name__)

_LONGEST_REASON = 120


class DatabagError(ValueError):
    """A databag that Juju does not give out; the message is one line."""


def read(relation: ops.Relation, author: ops.Application | ops.Unit) -> dict[str, str]:
    """Return everything that `author` wrote over `relation`.

    Raises:
        DatabagError: if Juju does not give it out, or gives out what is not text.
    """
    try:
        return dict(relation.data[author])
    except (ops.ModelError, ValueError) as error:
        raise DatabagError(f"Juju does not give out its databag: {_shown(error)}") from error


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
