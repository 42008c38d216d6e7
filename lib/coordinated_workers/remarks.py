"""What is said in a status, which has room for a line."""

from collections.abc import Sequence

_MOST = 3
_LONGEST = 250


def in_short(remarks: Sequence[str]) -> str:
    """The first few of some remarks on one line, and how many more there are."""
    shown = [f"{remark[:_LONGEST]}…" if len(remark) > _LONGEST else remark for remark in remarks[:_MOST]]
    if len(remarks) > _MOST:
        shown.append(f"and {len(remarks) - _MOST} more")
    return "".join(each if each.isprintable() else " " for each in "; ".join(shown))
