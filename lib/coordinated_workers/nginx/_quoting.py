"""Text as words of nginx.conf, whatever is in it."""

import re
from typing import cast

_PLAIN = re.compile(r"[A-Za-z0-9_./:$=~^*+@%,|()?!&\[\]-]+")


def quoted(value: object) -> str:
    """Quote `value` so that nginx reads exactly it, as one word; a tuple as a word each.

    Variables (`$name`) in it stay variables.
    """
    if isinstance(value, tuple):
        return " ".join(map(quoted, cast("tuple[object, ...]", value)))
    text = str(value)
    if _PLAIN.fullmatch(text):
        return text
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'
