"""Text as words of nginx.conf, with any content."""

import re
from typing import cast

_PLAIN = re.compile(r"[A-Za-z0-9_./:$=~^*+@%,|()?!&\[\]-]+(?<!\$)")


def quoted(value: object) -> str:
    """Quote `value` so that nginx reads exactly it, as one word; a tuple as a word each.

    Variables (`$name`) in it stay variables. The quotes are those of the published library, since tests of
    charms compare whole lines: single quotes, also around a text that ends in `$`.
    """
    if isinstance(value, tuple):
        return " ".join(map(quoted, cast("tuple[object, ...]", value)))
    text = str(value)
    if _PLAIN.fullmatch(text):
        return text
    mark = '"' if "'" in text and '"' not in text else "'"
    escaped = text.replace("\\", r"\\").replace(mark, rf"\{mark}")
    return f"{mark}{escaped}{mark}"
