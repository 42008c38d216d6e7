"""The reason for the rejection of a value, short enough for a status."""

import pydantic

from ._text import one_line, shown_name

_LONGEST_REASON = 200


def reason(error: pydantic.ValidationError) -> str:
    """Return the first error on one line, without the rejected text: it may be long, or a secret."""
    first, *more = error.errors(include_url=False, include_context=False, include_input=False)
    field = ".".join(shown_name(str(part)) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    text = one_line(f"{field}: {message}" if field else message, longest=_LONGEST_REASON)
    return f"{text} (and {len(more)} more)" if more else text
