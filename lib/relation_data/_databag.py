"""Reading and writing of one databag, with Juju's errors handled."""

import logging
from collections.abc import Mapping

import ops

from ._text import one_line

logger = logging.getLogger(__name__)

_LONGEST_REASON = 120
_UNREADABLE = "cannot read its databag from Juju"


class DatabagError(ValueError):
    """A databag that cannot be read from Juju; the message is one line."""


def read(relation: ops.Relation, author: ops.Application | ops.Unit) -> dict[str, str]:
    """Return the whole databag of `author` in `relation`.

    Raises:
        DatabagError: if Juju does not return it, or returns something other than text.
    """
    try:
        databag = dict(relation.data[author])
    except (ops.ModelError, ValueError) as error:
        raise DatabagError(f"{_UNREADABLE}: {_shown(error)}") from error
    if not databag and not relation.active:
        # Juju has removed the relation, and the charm still has it: ops returns an empty databag.
        raise DatabagError(f"{_UNREADABLE}: relation not found")
    return databag


def read_remote(relation: ops.Relation) -> dict[str, str]:
    """Return the whole databag of the remote application in `relation`.

    Raises:
        DatabagError: as for `read`, and if the remote application is not known.
    """
    if not relation.app:
        raise DatabagError(f"{_UNREADABLE}: relation not found")
    return read(relation, relation.app)


def write(relation: ops.Relation, author: ops.Application | ops.Unit, values: Mapping[str, str]) -> bool:
    """Set `values` where they differ; an empty value removes its key, other keys are not changed.

    Every key that is set triggers a hook on each unit of the other side.

    Returns:
        True if the databag has these values now; False, with a warning in the log, if the relation is gone.
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
    """Return the error of Juju's tool without the tool's command line."""
    text = str(error).strip().removeprefix("ERROR ") or type(error).__name__
    return one_line(text, longest=_LONGEST_REASON)
