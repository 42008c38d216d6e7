"""One store process, as the api role sees it."""

import collections
import contextlib
import hashlib
import http.client
import ssl
import urllib.parse

from ._answer import Answer
from ._trace import Trace

_TIMEOUT_SECONDS = 5


class ShardError(Exception):
    """A store did not answer."""


class Shard:
    """The connections to one `store` process."""

    def __init__(self, url: str, context: ssl.SSLContext | None):
        self.answers = True
        parts = urllib.parse.urlsplit(url)
        self.name = parts.netloc
        self._host = parts.hostname or ""
        self._secure = parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        self._context = context
        self._idle: collections.deque[http.client.HTTPConnection] = collections.deque(maxlen=16)

    def weight(self, key: str) -> bytes:
        """Return the rank of this shard for the key: the highest one of all holds it."""
        return hashlib.blake2b(f"{self.name}/{key}".encode(), digest_size=8).digest()

    def answer(self, method: str, key: str, value: bytes, trace: Trace) -> Answer:
        """Pass a request on.

        Raises:
            ShardError: if there is no answer.
        """
        try:
            idle = self._idle.pop()
        except IndexError:
            idle = None
        try:
            if idle:
                # The other end may have closed it meanwhile, so the request is sent again.
                with contextlib.suppress(ConnectionError):
                    return self._exchange(idle, method, key, value, trace)
            return self._exchange(self._connect(), method, key, value, trace)
        except (OSError, http.client.HTTPException) as error:
            raise ShardError(str(error) or type(error).__name__) from error

    def _connect(self) -> http.client.HTTPConnection:
        if self._secure:
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=_TIMEOUT_SECONDS, context=self._context
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT_SECONDS)

    def _exchange(
        self, connection: http.client.HTTPConnection, method: str, key: str, value: bytes, trace: Trace
    ) -> Answer:
        try:
            path = f"/store/{urllib.parse.quote(key, safe='')}"
            connection.request(method, path, value or None, {"traceparent": trace.header})
            response = connection.getresponse()
            content_type = response.headers.get("Content-Type", "application/octet-stream")
            answer = Answer(response.status, response.read(), content_type)
        except BaseException:
            connection.close()
            raise
        if not response.will_close:
            self._idle.append(connection)
        return answer
