"""Writing to a relation without writing what is already there."""

from collections.abc import Mapping

import ops


def write(databag: ops.RelationDataContent, values: Mapping[str, str]) -> None:
    """Make `databag` say `values`; an empty value takes its key out, other keys are left as they are.

    Each key that is set is a call of a hook tool, and wakes up every unit of the other side.
    """
    for key, value in values.items():
        if databag.get(key, "") != value:
            databag[key] = value
