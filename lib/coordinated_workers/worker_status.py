"""The status of a worker that has all that it needs."""

from collections.abc import Sequence

import ops

from relation_data import LONGEST_STATUS, Message, in_short

from .readiness import Readiness, ServiceEndpointStatus


def running_status(readiness: Readiness, roles: Sequence[str], refused: Sequence[str]) -> ops.StatusBase:
    """Return the status of a worker; it names the refused entries of the coordinator's databag."""
    if readiness.status is not ServiceEndpointStatus.up:
        return Message(readiness.status.value, readiness.reason).waiting()
    shown = "(all roles)" if list(roles) == ["all"] else ",".join(roles)
    if not refused:
        return ops.ActiveStatus(Message(f"{shown} ready.").shown())
    # of several, only the keys fit; the reasons are in the log
    entries = refused if len(refused) == 1 else list(map(_key, refused))
    beginning = f"{shown} ready. (ignored: "
    shown_entries = in_short(entries, longest=LONGEST_STATUS - len(beginning) - 1)
    return ops.ActiveStatus(Message(f"{beginning}{shown_entries})").shown())


def _key(refused: str) -> str:
    """Return the key of an invalid entry, which is `FIELD[KEY]: REASON`; with the field if it is a number."""
    entry = refused.partition(": ")[0]
    key = entry.partition("[")[2].removesuffix("]")
    return entry if not key or key.strip("'").isdecimal() else key
