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
        """Return the revision that is served here; None if nothing answers."""
        try:
            connection = self._connection(seconds)
            connection.request("GET", REVISION_PATH, headers={"Connection": "close"})
            return connection.getresponse().read(100).decode("latin-1")
        except (OSError, http.client.HTTPException):
            return None

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        if not self.tls:
            return http.client.HTTPConnection(self.host, self.port, timeout=seconds)
        # Nothing is at stake: the certificate is for another name, and the answer is public.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection(self.host, self.port, timeout=seconds, context=context)


def is_rejected(nginx_config: str, deadline: Deadline) -> bool:
    """Wait until nginx has loaded a configuration, and return whether something else still answers.

    Each port of the configuration is asked. Where nothing answers, nothing is known, and nothing is rejected.

    Args:
        nginx_config: the text of nginx.conf.
        deadline: the end of the hook's time for waiting.
    """
    revision = _REVISION.search(nginx_config)
    if not revision:
        return False
    seconds = deadline.seconds(_SECONDS)
    until = time.monotonic() + seconds
    waiting = {
        _Address(found["host"] or "127.0.0.1", int(found["port"]), bool(found["tls"]))
        for found in _LISTEN.finditer(nginx_config)
    }
    while waiting:
        answers = {address: address.loaded(max(_PAUSE, seconds / 3)) for address in waiting}
        waiting = {address for address, loaded in answers.items() if loaded not in (revision[1], None)}
        if waiting and time.monotonic() > until:
            return True
        if waiting:
            time.sleep(_PAUSE)
    return False
