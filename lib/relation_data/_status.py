"""Messages for operators, and their text in a status; `juju status` shows about 120 characters of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import ops

from ._text import one_line

LONGEST_STATUS = 100
"""The characters that a status has at most."""
_NAME_LENGTHS = range(63, 9, -1)
_READABLE_NAME = 20
_READABLE_TEXT = 50
_SHORTEST_DETAIL = 15
_SHORTEST_REMARK = 30
# Names of applications have no underscore, unlike those of fields; a shorter word without a hyphen is not a
# name.
_NAME = re.compile(r"(?<!\S)(?=\S*[-./0-9]|\S{21})[^\s_]{11,}(?!\S)")
_ROOM_FOR_MORE = len("; and 999 more")


@dataclass(frozen=True, order=True)
class Message:
    """A message for an operator; `str()` is the whole of it on one line."""

    cause: str
    detail: str = ""
    """More about the cause, such as another program's reason."""
    remedy: str = ""
    """The command, or the instruction, that resolves it."""
    lead: str = ": "
    """The words before the remedy; only a colon where they leave too little room."""

    def __str__(self) -> str:
        return _line(self.cause, self.detail, f"{self.lead}{self.remedy}" if self.remedy else "")

    def shown(self, more: str = "") -> str:
        """Return the message in at most 100 characters.

        Names are cut in the middle until all fits. Where that would leave fewer than 20 characters of one,
        the text before the remedy is cut at its end, if enough of it remains, or else the detail is omitted.
        The remedy stays whole, even if the text is then longer than 100 characters.

        Args:
            more: further text, which is not cut. If it leaves too little room, it replaces the remedy.
        """
        for lead in (self.lead, ": ") if self.remedy else ():
            if text := _fitted(self.cause, self.detail, f"{lead}{self.remedy}{more}", is_whole=True):
                return text
        end = f": {self.remedy}" if self.remedy and not more else more
        for detail in (self.detail, ""):
            if text := _fitted(self.cause, detail, end, is_whole=False):
                return text
        room = max(LONGEST_STATUS - len(f"…{end}"), _NAME_LENGTHS[-1])
        return _cut_names(_line(self.cause, "", ""), _NAME_LENGTHS[-1])[:room] + f"…{end}"

    def blocked(self) -> ops.StatusBase:
        """Return the status of a unit that needs an operator."""
        return ops.BlockedStatus(self.shown())

    def waiting(self) -> ops.StatusBase:
        """Return the status of a unit whose problem may pass by itself."""
        return ops.WaitingStatus(self.shown())


def _fitted(cause: str, detail: str, end: str, *, is_whole: bool) -> str | None:
    """Return the text with shorter names, and a shorter detail unless it `is_whole`; None if none fits."""
    for length in _NAME_LENGTHS:
        head = _cut_names(_line(cause, detail, end[:1]), length)
        if len(text := f"{head}{end[1:]}") <= LONGEST_STATUS:
            return text
        if length <= _READABLE_NAME and is_whole:
            return None
        room = LONGEST_STATUS - len(f"…{end}")
        with_detail = len(_cut_names(f"{cause}: ", length)) + _SHORTEST_DETAIL
        needed = min(with_detail, _READABLE_TEXT) if detail else _READABLE_TEXT
        if length <= _READABLE_NAME and room >= needed:
            return f"{head[:room]}…{end}"
    return None


def _line(cause: str, detail: str, end: str) -> str:
    text = f"{cause}: {detail}{end}" if detail else f"{cause}{end}"
    return one_line(text, longest=len(text))


def _cut_names(text: str, length: int) -> str:
    """Cut the longer names in the middle."""
    return _NAME.sub(lambda name: _cut(name.group(), length), text)


def _cut(name: str, length: int) -> str:
    if len(name) <= length:
        return name
    end = (length - 1) // 2
    return f"{name[: length - 1 - end]}…{name[-end:]}"


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
