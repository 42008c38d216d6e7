"""Text from other charms: checked on arrival, and made safe for a status or a line of a log."""

import json
import re
import unicodedata
from collections.abc import Iterator

_LONGEST_QUOTE = 80
# Without blanks, quotes, and separators of a table's columns.
_PLAIN = re.compile(r"[!#-&(-\[\]-_a-{}~]+")
_NAME = re.compile(r"[A-Za-z0-9_./() ,\[\]-]{1,80}")
# Control characters, lone surrogates, and characters that end a line in YAML or are invalid there. A program
# accepts no NUL in an argument, and UTF-8 has no surrogates.
_NOT_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
# Arabic numbers are written in its direction as well.
_LEFTWARD = ("R", "AL", "AN")
_MOST_MARKS = 3


def check_text(text: str) -> str:
    """Return the text if a file, a program's argument, a URL and a Kubernetes object can all hold it.

    Raises:
        ValueError: if it has a control character or a lone surrogate; the message names the first one.
    """
    if found := _NOT_TEXT.search(text):
        raise ValueError(f"the character {found.group()!a} is not allowed")
    return text


def shown_name(text: str) -> str:
    """Return the text if it looks like a name, or else an ellipsis: it may be a URL with a password."""
    return text if _NAME.fullmatch(text) else "…"


def one_line(text: str, *, longest: int) -> str:
    """Return the text in printable characters on one line, cut after `longest` of them by an ellipsis.

    Characters of scripts that are written to the left are not shown, since they reorder their neighbours. Of
    combining marks, the first three on a letter are shown, since more reach other lines, and none on a letter
    of ASCII, since names could look alike.
    """
    shown = f"{text[:longest]}…" if len(text) > longest else text
    return shown if shown.isascii() and shown.isprintable() else "".join(_shown_characters(shown))


def _shown_characters(text: str) -> Iterator[str]:
    room_for_marks = 0
    for each in text:
        category = unicodedata.category(each)
        if category in ("Mn", "Mc"):
            is_shown = room_for_marks > 0
            room_for_marks -= 1
        else:
            is_leftward = unicodedata.bidirectional(each) in _LEFTWARD
            is_shown = each.isprintable() and category != "Me" and not is_leftward
            room_for_marks = _MOST_MARKS if is_shown and category[0] == "L" and not each.isascii() else 0
        yield each if is_shown else " "


def quoted(text: str) -> str:
    """Return the text unchanged if it is one plain word of ASCII, or else in quotes, with all else escaped.

    No text of others can thus add a line or a column, or change the direction of writing, in a message.
    """
    if _PLAIN.fullmatch(text):
        return text
    return json.dumps(text).replace("|", r"\u007c").replace("\x7f", r"\u007f")


def in_quotes(text: str) -> str:
    """Return the text in quotes, in ASCII, and cut if it is long, for naming an invalid value in an error."""
    return ascii(text[:_LONGEST_QUOTE]) + "…" * (len(text) > _LONGEST_QUOTE)
