"""Text of statuses, which have room for a line: `juju status` shows about 120 characters."""

from collections.abc import Sequence

import ops

from relation_data import one_line

_LONGEST_STATUS = 100
_ROOM_FOR_MORE = len("; and 999 more")


def in_short(remarks: Sequence[str]) -> str:
    """Return the remarks that fit into a status, the first of them in any case, and the number of others."""
    shown = [one_line(remark, longest=_LONGEST_STATUS - _ROOM_FOR_MORE) for remark in remarks[:1]]
    for remark in remarks[1:]:
        if len("; ".join([*shown, remark])) > _LONGEST_STATUS - _ROOM_FOR_MORE:
            break
        shown.append(one_line(remark, longest=_LONGEST_STATUS))
    if len(remarks) > len(shown):
        shown.append(f"and {len(remarks) - len(shown)} more")
    return "; ".join(shown)


def fitted(status: ops.StatusBase) -> ops.StatusBase:
    """Return the status with no more text than is shown."""
    return ops.StatusBase.from_name(status.name, one_line(status.message, longest=_LONGEST_STATUS - 1))
