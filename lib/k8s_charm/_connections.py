"""HTTP over connections that are kept, made with what Python brings.

The HTTP library has a way of its own, which imports HTTP/2 and all that this needs, and takes longer for each
request: a tenth of the time of a hook with nothing to do. Importing this module imports lightkube.
"""

import select
import ssl
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection

# In either line of lightkube's releases it is here: `httpx` before 1.0, `httpx2` since.
from lightkube.core.exceptions import httpx  # pyright: ignore[reportPrivateImportUsage]  # see above

_PIECE = 1 << 16


class Connections(httpx.BaseTransport):
    """Connections to one server, as many as there are requests at a time.

    Args:
        context: whom to trust, if the server is one of HTTPS.
    """

    def __init__(self, context: ssl.SSLContext):
        self._context = context
        # To append to it and to pop from it is safe between threads.
        self._idle: deque[HTTPConnection] = deque()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Make a request, waiting for each part of the answer as long as its extension `timeout` says.

        Raises:
            httpx.TimeoutException: if nothing came in time.
            httpx.NetworkError: if there was no connection, or it was lost.
            httpx.RemoteProtocolError: if what came was not HTTP.
        """
        connection = self._idle_connection() or self._new_connection(request.url)
        with _errors(connection, request):
            answer = _send(connection, request)
        headers = httpx.Headers(answer.getheaders(), encoding="latin-1")
        stream = _Stream(answer, connection, self._idle, request)
        return httpx.Response(answer.status, headers=headers, stream=stream)

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            self._idle.pop().close()

    def _idle_connection(self) -> HTTPConnection | None:
        try:
            while _was_ended(connection := self._idle.pop()):
                connection.close()
        except IndexError:
            return None
        return connection

    def _new_connection(self, url: httpx.URL) -> HTTPConnection:
        if url.scheme == "https":
            return HTTPSConnection(url.host, url.port or HTTPSConnection.default_port, context=self._context)
        return HTTPConnection(url.host, url.port or HTTPConnection.default_port)


class _Stream(httpx.SyncByteStream):
    """The body of an answer; once all of it was read, the connection can be used again."""

    def __init__(
        self,
        answer: HTTPResponse,
        connection: HTTPConnection,
        idle: deque[HTTPConnection],
        request: httpx.Request,
    ):
        self._answer = answer
        self._connection = connection
        self._idle = idle
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        with _errors(self._connection, self._request):
            while piece := self._answer.read1(_PIECE):
                yield piece
            if self._answer.length:
                raise ConnectionError("the connection was lost before the end of the answer")
        self._answer.close()
        if not self._answer.will_close:
            self._idle.append(self._connection)

    def close(self) -> None:
        if not self._answer.isclosed():
            self._connection.close()


def _send(connection: HTTPConnection, request: httpx.Request) -> HTTPResponse:
    connection.timeout = request.extensions["timeout"]["read"]
    if connection.sock:
        connection.sock.settimeout(connection.timeout)
    target = request.url.raw_path.decode()
    connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
    for name, value in request.headers.raw:
        connection.putheader(name, value)
    connection.endheaders(request.read())
    return connection.getresponse()


def _was_ended(idle: HTTPConnection) -> bool:
    """Whether a connection that nothing was asked over has something to be read: that is its end."""
    poll = select.poll()
    poll.register(idle.sock, select.POLLIN)
    return bool(poll.poll(0))


@contextmanager
def _errors(connection: HTTPConnection, request: httpx.Request) -> Generator[None]:
    """What goes wrong, in the HTTP library's words."""
    try:
        yield
    except TimeoutError as error:
        connection.close()
        raise httpx.ReadTimeout(str(error), request=request) from error
    except OSError as error:
        connection.close()
        raise httpx.ReadError(str(error), request=request) from error
    except HTTPException as error:
        connection.close()
        raise httpx.RemoteProtocolError(str(error), request=request) from error
