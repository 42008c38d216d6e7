"""The names of hosts, as a resolver takes them."""

import re

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
# A resolver raises for an empty label and for one of more than 63 characters.
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")


def is_host_name(text: str) -> bool:
    """Return whether a text is the name of a host; one of digits and dots may be an address, too."""
    return _HOST_NAME.fullmatch(text) is not None
