"""What is said in a status, which has room for a line."""

from collections.abc import Sequence

from relation_data import one_line

_MOST = 3
_LONGEST = 250


def in_short(remarks: Sequence[str]) -> str:
    """The first few of some remarks on one line, and how many more there are."""
    shown = [one_line(remark, longest=_LONGEST) for remark in remarks[:_MOST]]
    if len(remarks) > _MOST:
        shown.append(f"and {len(remarks) - _MOST} more")
    return "; ".join(shown)
