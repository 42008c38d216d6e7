"""Checking which configuration nginx has loaded: `nginx -s reload` succeeds also where nginx rejects it."""

import http.client
import re
import ssl
import time
from dataclasses import dataclass

from k8s_charm import Deadline

from ._paths import REVISION_PATH

_SECONDS = 3.0
_PAUSE = 0.05
_LISTEN = re.compile(r"^\s*listen (?:(?P<host>[0-9.]+):)?(?P<port>[0-9]+)(?P<tls> ssl)?", re.MULTILINE)
_REVISION = re.compile(rf"location = {re.escape(REVISION_PATH)} {{[^}}]*return 200 \"?(\w+)\"?;")


@dataclass(frozen=True)
class _Address:
    host: str
    port: int
    tls: bool

    def loaded(self, seconds: float) -> str | None:
        """Return the revision that is served here: empty if it is not by nginx, None if nothing listens."""
        try:
            connection = self._connection(seconds)
            connection.request("GET", REVISION_PATH, headers={"Connection": "close"})
            return connection.getresponse().read(100).decode("latin-1")
        except ConnectionRefusedError:
            return None
        except (OSError, http.client.HTTPException):
            return ""

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        if not self.tls:
            return http.client.HTTPConnection(self.host, self.port, timeout=seconds)
        # No verification is needed: the certificate is for another name, and the answer is public.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection(self.host, self.port, timeout=seconds, context=context)


def is_rejected(nginx_config: str, deadline: Deadline, previous: str = "") -> bool:
    """Wait until nginx has loaded a configuration, and return whether something else still answers.

    Each port of the configuration is asked, and those that it no longer has. A port on which nothing listens
    does not count as rejected.
    """
    revision, former_revision = _revision(nginx_config), _revision(previous)
    if not revision:
        return False
    seconds = deadline.seconds(_SECONDS)
    until = time.monotonic() + seconds
    ports = _addresses(nginx_config)

    def is_pending(address: _Address) -> bool:
        loaded = address.loaded(max(_PAUSE, seconds / 3))
        return loaded not in (revision, None) if address in ports else loaded == former_revision

    waiting = ports | (_addresses(previous) if former_revision else set[_Address]())
    while waiting := {address for address in waiting if is_pending(address)}:
        if time.monotonic() > until:
            return True
        time.sleep(_PAUSE)
    return False


def _revision(nginx_config: str) -> str | None:
    found = _REVISION.search(nginx_config)
    return found[1] if found else None


def _addresses(nginx_config: str) -> set[_Address]:
    return {
        _Address(found["host"] or "127.0.0.1", int(found["port"]), bool(found["tls"]))
        for found in _LISTEN.finditer(nginx_config)
    }
