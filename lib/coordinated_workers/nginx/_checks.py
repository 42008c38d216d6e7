"""Checks of text, by its place in nginx.conf.

The template quotes all that it shows, so that no text can add a directive. These functions check that a text
is valid at its place: a host is a host, and a URL has one.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from cos_interfaces import authority, is_ip

_SHOWN = 60
_LONGEST_URL = 2000  # nginx does not read words of more than 4096 characters
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOST_NAME = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*"
)
_ORIGIN = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://)?(?:[A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]*\])(?::[0-9]+)?")
_CREDENTIALS = re.compile(r"(^|://)[^/?#@]*@")
_URL_PATH = re.compile(r"(?:/[A-Za-z0-9._~+=:@,-]*)*")
_WORD = re.compile(r"[A-Za-z0-9_.-]+")


class NginxValueError(ValueError):
    """A text is invalid at its place in nginx.conf; the message names the text, and the expected form."""

    def __init__(self, needed: str, text: object):
        shown = str(text)
        if len(shown) > _SHOWN:
            shown = shown[:_SHOWN] + "…"
        super().__init__(f"{shown!r} is not {needed}")


@dataclass(frozen=True)
class Refusal:
    """An entry that is ignored in nginx.conf, with the reason; `str()` is a line for people."""

    what: str
    reason: str

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}"


@dataclass(frozen=True)
class BackendURL:
    """A URL whose parts are valid in nginx.conf."""

    host: str
    port: int
    tls: bool
    path: str

    @property
    def origin(self) -> str:
        """Return the part of it that may be shown to people: a path may contain a secret."""
        return f"{'https' if self.tls else 'http'}://{self.authority}"

    @property
    def authority(self) -> str:
        """The host as in an HTTP request; with the port unless it is the scheme's default."""
        return authority(self.host, None if self.port == (443 if self.tls else 80) else self.port)

    @classmethod
    def parse(cls, url: str, tls: bool = False) -> "BackendURL":
        """Parse a URL.

        Args:
            url: A URL of http or https; or `host:port`, as gRPC has it.
            tls: Whether a URL without scheme means TLS.

        Raises:
            NginxValueError: if nginx could not pass requests to it. The message has its scheme, host and port
                only: the rest may be a secret.
        """
        shown = _without_secrets(url)
        if "@" in url:
            raise NginxValueError("a URL without credentials", shown)
        # urlsplit drops some control characters silently, so they are checked before
        if not re.fullmatch(r"[!-~]+", url):
            raise NginxValueError("a URL", shown)
        if len(url) > _LONGEST_URL:
            raise NginxValueError(f"a URL of at most {_LONGEST_URL} characters", shown)
        try:
            parts = urlsplit(url if "://" in url else f"//{url}")
            port = parts.port
        except ValueError as error:
            raise NginxValueError("a URL", shown) from error
        if parts.scheme not in ("http", "https", ""):
            raise NginxValueError("a URL of http or https", shown)
        if parts.query or parts.fragment or not _URL_PATH.fullmatch(parts.path):
            raise NginxValueError("a URL of a host and a plain path", shown)
        host = parts.hostname or ""
        if not is_host(host):
            raise NginxValueError("a URL of a host name or an IP address", shown)
        if parts.scheme:
            tls = parts.scheme == "https"
        elif port is None:
            raise NginxValueError("a URL with a scheme or a port", shown)
        return cls(
            host=host,
            port=check_port((443 if tls else 80) if port is None else port),
            tls=tls,
            path=parts.path,
        )


def _without_secrets(url: str) -> str:
    """Return its scheme, host and port, as far as it has them, and an ellipsis for the rest."""
    shown = _CREDENTIALS.sub(r"\1", url, count=1)
    match = _ORIGIN.match(shown)
    origin = match[0] if match and "@" not in shown else ""
    return origin + "…" * (origin != shown)


def check_host(text: object) -> str:
    """Return `text`, if it is a host name or an IP address."""
    if isinstance(text, str) and is_host(text):
        return text
    raise NginxValueError("a host name or an IP address", text)


def is_host(text: str) -> bool:
    """Return whether it is a host name or an IP address."""
    return "%" not in text and (_HOST_NAME.fullmatch(text) is not None or is_ip(text))


def check_port(number: object) -> int:
    """Return `number`, if it is the number of a TCP port."""
    if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 65536:
        return number
    raise NginxValueError("a port", number)


def check_word(text: str, needed: str) -> str:
    """Return `text`, if it is letters, digits, dots, dashes and underscores."""
    if _WORD.fullmatch(text):
        return text
    raise NginxValueError(needed, text)


def check_line(text: str, needed: str) -> str:
    """Return `text`, if it has no control characters, such as the end of a line."""
    if _CONTROL.search(text):
        raise NginxValueError(needed, text)
    return text


def check_path(text: str, needed: str) -> str:
    """Return `text`, if it is one line that starts with a slash."""
    if text.startswith("/"):
        return check_line(text, needed)
    raise NginxValueError(needed, text)
