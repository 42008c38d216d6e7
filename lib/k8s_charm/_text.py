"""What others have written, made fit for a status or a line of a log."""

import re

_NAME = re.compile(r"[A-Za-z0-9_./() ,\[\]-]{1,80}")


def shown_name(text: str) -> str:
    """The text if it looks like a name, or else an ellipsis: it may be a URL with a password."""
    return text if _NAME.fullmatch(text) else "…"


def one_line(text: str, *, longest: int) -> str:
    """The text in printable characters on one line, cut after `longest` of them, which an ellipsis shows."""
    shown = f"{text[:longest]}…" if len(text) > longest else text
    return "".join(each if each.isprintable() else " " for each in shown)
