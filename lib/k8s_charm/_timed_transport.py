"""HTTP requests that end with the hook's time.

Importing this module imports lightkube.
"""

import inspect
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from lightkube import KubeConfig
from lightkube.config import client_adapter
from lightkube.config.kubeconfig import SingleConfig
from lightkube.config.models import User

# lightkube's HTTP library: `httpx` before 1.0, `httpx2` since.
from lightkube.core.exceptions import ConfigError, httpx  # pyright: ignore[reportPrivateImportUsage]  # see above

from ._deadline import Deadline

_PHASES = ("connect", "read", "write", "pool")
# A list of thousands of objects takes the server seconds before the first byte.
_TIMES_LONGER_FOR_LISTS = 4


class TimedTransport(httpx.BaseTransport):
    """The HTTP library's transport, with timeouts that never exceed the remaining time of the hook.

    A request whose connection is lost is sent once more, if it can safely be repeated: a charm that is being
    removed has no later hook for it.

    Args:
        deadline: the time after which no request is sent.
        at_most: the seconds to wait for an answer; four times as many for a list by labels.
    """

    def __init__(self, deadline: Deadline, at_most: float):
        self._deadline = deadline
        self._at_most = at_most

    @cached_property
    def _transport(self) -> httpx.BaseTransport:
        """The transport to the configured cluster, made for the first request.

        Charms' tests that replace lightkube's client have no cluster configured.
        """
        config = KubeConfig.from_env().get()
        if config is None:
            raise ConfigError("no context of Kubernetes is configured")
        return httpx.HTTPTransport(**_tls(config))

    def __deepcopy__(self, _: dict[int, Any]) -> "TimedTransport":
        """Return itself: lightkube 0.19 to 1.0.0 copies its transport, and a TLS context cannot be copied."""
        return self

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request.

        Raises:
            httpx.TimeoutException: if there is no answer in time, or no time.
        """
        try:
            return self._send(request)
        except (httpx.NetworkError, httpx.RemoteProtocolError):
            if not _can_be_repeated(request):
                raise
            return self._send(request)

    def _send(self, request: httpx.Request) -> httpx.Response:
        longer = _TIMES_LONGER_FOR_LISTS if "labelSelector" in request.url.params else 1
        seconds = self._deadline.seconds(self._at_most * longer)
        if not seconds:
            raise httpx.PoolTimeout("not sent: the hook's time was over", request=request)
        request.extensions["timeout"] = dict.fromkeys(_PHASES, seconds)
        response = self._transport.handle_request(request)
        if isinstance(response.stream, httpx.SyncByteStream):
            response.stream = _TimedStream(response.stream, self._deadline, request)
        return response

    def close(self) -> None:
        """Close all connections."""
        if "_transport" in self.__dict__:
            self._transport.close()


def _tls(config: SingleConfig) -> dict[str, Any]:
    """Return the HTTP library's settings for verifying the cluster and for the client's identity."""
    verify: Callable[..., Any] = client_adapter.verify_cluster
    user = config.user or User()
    if "user" in inspect.signature(verify).parameters:
        return {"verify": verify(config.cluster, user, config.abs_file)}
    # Kubeflow's charms have locked lightkube 0.15, which has the user's certificate separately.
    cert = client_adapter.user_cert(user, config.abs_file)
    return {"verify": verify(config.cluster, config.abs_file), "cert": cert}


def _can_be_repeated(request: httpx.Request) -> bool:
    """Return whether a request may be repeated after it was carried out.

    A request that creates an object may not: by then the object exists, and seems to have another owner.
    """
    is_merge = request.headers.get("Content-Type", "").endswith("merge-patch+json")
    return is_merge or request.method in ("GET", "DELETE")


class _TimedStream(httpx.SyncByteStream):
    """The body of an answer, which has to arrive completely in time."""

    def __init__(self, stream: httpx.SyncByteStream, deadline: Deadline, request: httpx.Request):
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
