"""HTTP requests that end with the hook's time.

Importing this module imports lightkube.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lightkube.config.client_adapter import verify_cluster
from lightkube.config.models import User

# In either line of lightkube's releases it is here: `httpx` before 1.0, `httpx2` since.
from lightkube.core.exceptions import httpx  # pyright: ignore[reportPrivateImportUsage]  # see above

from ._connections import Connections

if TYPE_CHECKING:
    from lightkube import SingleConfig

    from ._deadline import Deadline

_PHASES = ("connect", "read", "write", "pool")
# A list begins to come once all of it was found and encoded, which for thousands of objects takes seconds.
_TIMES_LONGER_FOR_LISTS = 4


def timed_transport(config: "SingleConfig", deadline: "Deadline", at_most: float) -> "TimedTransport":
    """The way to a cluster, for as long as there is time; arguments as of `TimedTransport`."""
    verify = verify_cluster(config.cluster, config.user or User(), config.abs_file)
    return TimedTransport(Connections(verify), deadline, at_most)


class TimedTransport(httpx.BaseTransport):
    """Passes requests on, none of them for longer than is left.

    One whose connection is lost is made once more, at once, if that does no harm: a charm that is being
    removed has no later hook in which to make it.

    Args:
        transport: makes the requests.
        deadline: when no more is asked.
        at_most: the seconds to wait for an answer while there is time; for a list by labels, four times that.
    """

    def __init__(self, transport: httpx.BaseTransport, deadline: "Deadline", at_most: float):
        self._transport = transport
        self._deadline = deadline
        self._at_most = at_most

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Make a request.

        Raises:
            httpx.TimeoutException: if there is no answer in time, or no time.
        """
        try:
            return self._handle(request)
        except (httpx.NetworkError, httpx.RemoteProtocolError):
            if not _can_be_repeated(request):
                raise
            return self._handle(request)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        longer = _TIMES_LONGER_FOR_LISTS if "labelSelector" in request.url.params else 1
        seconds = self._deadline.seconds(self._at_most * longer)
        if not seconds:
            raise httpx.PoolTimeout("not asked: the time for this hook is over", request=request)
        request.extensions["timeout"] = dict.fromkeys(_PHASES, seconds)
        response = self._transport.handle_request(request)
        if isinstance(response.stream, httpx.SyncByteStream):
            response.stream = _TimedStream(response.stream, self._deadline, request)
        return response

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()


def _can_be_repeated(request: httpx.Request) -> bool:
    """Whether it ends in the same if it was done already.

    To create is none of these, in whatever way: what is there by then looks like somebody else's.
    """
    is_merge = request.headers.get("Content-Type", "").endswith("merge-patch+json")
    return is_merge or request.method in ("GET", "DELETE")


class _TimedStream(httpx.SyncByteStream):
    """An answer that may come in small pieces, each of them in time."""

    def __init__(self, stream: httpx.SyncByteStream, deadline: "Deadline", request: httpx.Request):
        self._stream = stream
        self._deadline = deadline
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            if self._deadline.is_over:
                raise httpx.ReadTimeout("the answer takes too long", request=self._request)
            yield piece

    def close(self) -> None:
        self._stream.close()
