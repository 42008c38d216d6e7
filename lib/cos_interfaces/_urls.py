"""Addresses from relations, checked and normalised before use."""

import re
from typing import Annotated
from urllib.parse import urlsplit

import pydantic

from ._hosts import is_host_name, is_ip

_NOT_IN_A_URL = re.compile(r"[^!-~]|[\"'<>\\^`{|}]")


def check_url(url: str) -> str:
    """Return an absolute http or https URL, with its scheme in lower case.

    Raises:
        ValueError: if it is anything else.
    """
    if _NOT_IN_A_URL.search(url):
        raise ValueError("not a URL: it has invalid characters")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise ValueError("not an http or https URL")
    _check_authority(parts.netloc.rpartition("@")[2])
    return parts.scheme + url[len(parts.scheme) :]


def check_authority_or_url(address: str) -> str:
    """Return an address that is `host:port`, as gRPC has it, or an http or https URL.

    Raises:
        ValueError: if it is anything else.
    """
    if "://" in address:
        return check_url(address)
    _check_authority(address)
    return address


def _check_authority(authority: str) -> None:
    host, port = authority, None
    if match := re.fullmatch(r"(.*):(\d*)", authority):
        host, port = match.groups()
    ipv6 = re.fullmatch(r"\[([0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)\]", host)
    if not (is_host_name(host) or (ipv6 and is_ip(ipv6[1]))):
        raise ValueError("no host")
    if port is not None and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError("invalid port")


Url = Annotated[str, pydantic.AfterValidator(check_url)]
"""A field that is an http or https URL."""
Address = Annotated[str, pydantic.AfterValidator(check_authority_or_url)]
"""A field that is `host:port`, or an http or https URL."""
