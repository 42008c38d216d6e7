"""The names and addresses of hosts, as resolvers and URLs accept them."""

import ipaddress
import re

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
# A resolver raises for an empty label and for one of more than 63 characters.
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")


def is_host_name(text: str) -> bool:
    """Return whether a text is a host name; one of digits and dots may be an address as well."""
    return _HOST_NAME.fullmatch(text) is not None


def is_ip(host: str) -> bool:
    """Return whether a text is an IP address, which needs no resolving."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def authority(host: str, port: int | None = None) -> str:
    """Return a host and its port as URLs have them: an IPv6 address is in brackets."""
    shown = f"[{host}]" if ":" in host and is_ip(host) else host
    return shown if port is None else f"{shown}:{port}"
