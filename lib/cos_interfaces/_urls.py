"""The addresses that come over relations, checked before anybody builds on them."""

import re
from typing import Annotated
from urllib.parse import urlsplit

import pydantic

_NOT_IN_A_URL = re.compile(r"[^!-~]|[\"'<>\\^`{|}]")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")


def check_url(url: str) -> str:
    """`url`, if it is an absolute http or https URL.

    Raises:
        ValueError: if it is anything else.
    """
    if _NOT_IN_A_URL.search(url):
        raise ValueError("not a URL: it has characters that no URL has")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise ValueError("not an http or https URL")
    _check_authority(parts.netloc.rpartition("@")[2])
    return url


def check_authority_or_url(address: str) -> str:
    """`address`, if it is `host:port`, as gRPC has it, or an http or https URL.

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
    if not _HOST.fullmatch(host):
        raise ValueError("there is no host in it")
    if port is not None and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError("its port is none")


Url = Annotated[str, pydantic.AfterValidator(check_url)]
Address = Annotated[str, pydantic.AfterValidator(check_authority_or_url)]
