"""Text of statuses: cause, then command, in 100 characters; `juju status` shows about 120."""

import re
from collections.abc import Iterator, Sequence

import ops

from ._text import one_line

LONGEST_STATUS = 100
"""The characters that a status has at most."""
_NAME_LENGTHS = range(63, 19, -1)
"""The lengths to which names are cut: readable ones."""
_SHORT_NAME_LENGTHS = range(19, 9, -1)
_SHORTEST_DETAIL = 15
_SHORTEST_CAUSE = 10
_SHORTEST_REMARK = 30
_READABLE_CAUSE = 50
# Names of applications have no underscore; those of endpoints and fields do.
_NAME = re.compile(r"(?<!\S)[^\s_]{11,}(?!\S)")
_COMMAND = re.compile(r"\b(?:juju|kubectl) ")
_REMEDY = re.compile(
    r"[:;] (?:to allow it: |if it persists: )?(?:run |see )?"
    r"(?P<command>(?:juju|kubectl|deploy|integrate|remove|set|use) .*)"
)
_ROOM_FOR_MORE = len("; and 999 more")


def status_text(message: str, more: str = "") -> str:
    """Return a message, its cause and then its remedy, in at most 100 characters.

    In a longer message, names in the cause are cut in the middle, and details at their end. A command stays
    whole, even if the names in it are so long that the text is then longer than 100 characters.

    Args:
        message: the message, of any length.
        more: further text, which is not cut. If it leaves too little room, it replaces the remedy.
    """
    text = one_line(message, longest=len(message))
    found = _REMEDY.search(text)
    cause = text[: found.start()] if found else text
    remedies = [found.group(), f": {found['command']}"] if found else [""]
    ends = [f"{remedy}{more}" for remedy in (*remedies, *([""] if more else []))]
    return next(_candidates(cause, ends))


def _candidates(cause: str, ends: Sequence[str]) -> Iterator[str]:
    """Yield the texts of a status that are short enough, the best one first."""
    yield from _with_short_names(cause, ends, _NAME_LENGTHS)
    head, _, detail = _cut_names(cause, _NAME_LENGTHS[-1]).partition(": ")
    for end in ends:
        room = LONGEST_STATUS - len(f"{head}: …{end}")
        if detail and room >= _SHORTEST_DETAIL:
            yield f"{head}: {detail[:room]}…{end}"
    room = LONGEST_STATUS - len(f"…{ends[-1]}")
    if room >= _READABLE_CAUSE:
        yield f"{_cut_names(cause, _NAME_LENGTHS[-1])[:room]}…{ends[-1]}"
    yield from _with_short_names(cause, ends, _SHORT_NAME_LENGTHS)
    yield f"{_cut_names(cause, _SHORT_NAME_LENGTHS[-1])[: max(room, _SHORTEST_CAUSE)]}…{ends[-1]}"


def _with_short_names(cause: str, ends: Sequence[str], lengths: Sequence[int]) -> Iterator[str]:
    for end in ends:
        for length in lengths:
            text = _cut_names(cause + end, length)
            if len(text) <= LONGEST_STATUS:
                yield text


def in_short(remarks: Sequence[str], *, longest: int = LONGEST_STATUS) -> str:
    """Return the remarks that fit into a status, the first of them in any case, and the number of others.

    The last one is cut if enough of it remains to be understood.
    """
    whole = "; ".join(one_line(remark, longest=longest) for remark in remarks)
    if len(whole) <= longest:
        return whole
    room = longest - (_ROOM_FOR_MORE if len(remarks) > 1 else 1)
    shown = [one_line(remark, longest=room) for remark in remarks[:1]]
    for remark in remarks[1:]:
        left = room - len("; ".join([*shown, ""]))
        if len(remark) > left and left < _SHORTEST_REMARK:
            break
        shown.append(one_line(remark, longest=left))
    if len(remarks) > len(shown):
        shown.append(f"and {len(remarks) - len(shown)} more")
    return "; ".join(shown)


def fitted(status: ops.StatusBase) -> ops.StatusBase:
    """Return the status with its text as `status_text` returns it."""
    return ops.StatusBase.from_name(status.name, status_text(status.message))


def _cut_names(text: str, length: int) -> str:
    """Cut the longer names in the middle, except those in commands."""
    start = command.start() if (command := _COMMAND.search(text)) else len(text)
    return _NAME.sub(lambda name: _cut(name.group(), length), text[:start]) + text[start:]


def _cut(name: str, length: int) -> str:
    if len(name) <= length:
        return name
    end = (length - 1) // 2
    return f"{name[: length - 1 - end]}…{name[-end:]}"
