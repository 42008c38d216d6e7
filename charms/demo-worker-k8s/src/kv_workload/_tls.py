"""Certificates: that of this process, and the authority of its peers."""

import contextlib
import logging
import ssl
from pathlib import Path

from ._config import Tls

logger = logging.getLogger("kv")


def client_context(tls: Tls | None) -> ssl.SSLContext:
    """Return a context that trusts the cluster's certificate authority as well as the system's."""
    context = ssl.create_default_context()
    if tls:
        context.load_verify_locations(tls.ca)
    return context


class Certificate:
    """The certificate of this process, loaded again when its files have changed."""

    def __init__(self, tls: Tls):
        self._tls = tls
        self._loaded = self._changed_at()
        self._context = self._load()

    def context(self) -> ssl.SSLContext:
        """Return the context of the files; the previous one while certificate and key do not match."""
        found = self._changed_at()
        if found != self._loaded:
            with contextlib.suppress(OSError):
                self._context, self._loaded = self._load(), found
                logger.info("serving with a new certificate")
        return self._context

    def _changed_at(self) -> tuple[int, ...]:
        with contextlib.suppress(FileNotFoundError):
            return tuple(Path(file).stat().st_mtime_ns for file in (self._tls.cert, self._tls.key))
        return ()

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._tls.cert, self._tls.key)
        return context
