"""What others have written, made fit for a status or a line of a log."""

import json
import re

# Without blanks, quotes, and what separates columns of a table.
_PLAIN = re.compile(r"[!#-&(-\[\]-_a-{}~]+")
_NAME = re.compile(r"[A-Za-z0-9_./() ,\[\]-]{1,80}")


def shown_name(text: str) -> str:
    """The text if it looks like a name, or else an ellipsis: it may be a URL with a password."""
    return text if _NAME.fullmatch(text) else "…"


def one_line(text: str, *, longest: int) -> str:
    """The text in printable characters on one line, cut after `longest` of them, which an ellipsis shows."""
    shown = f"{text[:longest]}…" if len(text) > longest else text
    return "".join(each if each.isprintable() else " " for each in shown)


def quoted(text: str) -> str:
    """Return the text as it is if it is one plain word of ASCII, or else in quotes, with all else escaped.

    So no text of others makes a line, a column or a direction of writing in what an operator reads.
    """
    if _PLAIN.fullmatch(text):
        return text
    return json.dumps(text).replace("|", r"\u007c").replace("\x7f", r"\u007f")
