"""Text of statuses, which have room for a line: `juju status` shows about 120 characters."""

from collections.abc import Sequence

import ops

from relation_data import one_line

LONGEST_STATUS = 100
_ROOM_FOR_MORE = len("; and 999 more")


def in_short(remarks: Sequence[str], *, longest: int = LONGEST_STATUS) -> str:
    """Return the remarks that fit into a status, the first of them in any case, and the number of others."""
    room = longest - (_ROOM_FOR_MORE if len(remarks) > 1 else 1)
    shown = [one_line(remark, longest=room) for remark in remarks[:1]]
    for remark in remarks[1:]:
        if len("; ".join([*shown, remark])) > room:
            break
        shown.append(one_line(remark, longest=room))
    if len(remarks) > len(shown):
        shown.append(f"and {len(remarks) - len(shown)} more")
    return "; ".join(shown)


def fitted(status: ops.StatusBase) -> ops.StatusBase:
    """Return the status with no more text than is shown."""
    return ops.StatusBase.from_name(status.name, one_line(status.message, longest=LONGEST_STATUS - 1))
