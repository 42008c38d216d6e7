"""What others have written, made fit for a status or a line of a log."""

import re
from collections.abc import Iterable

_NAME = re.compile(r"[A-Za-z0-9_./() ,\[\]-]{1,80}")


def place_in_data(parts: Iterable[int | str]) -> str:
    """Where something is in what others have written; their own keys only if they look like names.

    A key may be anything, a URL with a password in it, too.
    """
    return ".".join(
        "…" if isinstance(part, str) and not _NAME.fullmatch(part) else str(part) for part in parts
    )


def one_line(text: str, *, longest: int) -> str:
    """The text in printable characters on one line, cut after `longest` of them, which an ellipsis shows."""
    shown = f"{text[:longest]}…" if len(text) > longest else text
    return "".join(each if each.isprintable() else " " for each in shown)
