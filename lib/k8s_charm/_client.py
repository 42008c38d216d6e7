"""The client for Kubernetes and its errors, in either line of lightkube's releases.

The HTTP library is taken from where lightkube has it: `httpx` before 1.0, `httpx2` since.
"""

import functools
import logging
import math
from typing import TYPE_CHECKING, TypeAlias

from ._deadline import Deadline

if TYPE_CHECKING:
    import lightkube

Client: TypeAlias = "lightkube.Client"
"""The client's type; a name, so that annotations need no import of lightkube."""

_SECONDS_TO_ANSWER = 3.0
_VERBOSE_LOGGERS = ("httpcore", "httpcore2", "httpx", "httpx2")


def kubernetes_client(namespace: str, field_manager: str, deadline: Deadline | None = None) -> Client:
    """Return a client for hooks: it waits 3 seconds for an answer, 12 for a list, and logs only warnings.

    The loggers of the HTTP libraries are set to WARNING, unless the charm has set their level: each line that
    a charm logs is a call of a hook tool, and every request would log a dozen of them.

    Args:
        namespace: the namespace of requests that name no other; the model's name.
        field_manager: the name for server-side apply; the application's name.
        deadline: the time after which each request fails at once; None for no limit.

    Raises:
        lightkube.ConfigError: if no cluster is configured.
    """
    import lightkube
    from lightkube.core import exceptions

    from ._timed_transport import TimedTransport

    for logger in map(logging.getLogger, _VERBOSE_LOGGERS):
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)
    transport = TimedTransport(deadline or Deadline(math.inf), _SECONDS_TO_ANSWER)
    timeout = exceptions.httpx.Timeout(_SECONDS_TO_ANSWER)  # pyright: ignore[reportPrivateImportUsage]  # see above
    return lightkube.Client(None, namespace, timeout, field_manager=field_manager, transport=transport)


@functools.cache
def kubernetes_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions of a lightkube client for a request that failed.

    An answer that is not from Kubernetes (a proxy's page, half a document) raises a ValueError, or a KeyError
    if it lacks a header.
    """
    import lightkube
    from lightkube.core import exceptions

    http_error = exceptions.httpx.HTTPError  # pyright: ignore[reportPrivateImportUsage]  # see above
    return (lightkube.ApiError, exceptions.ConfigError, http_error, ValueError, KeyError)


def kubernetes_code(error: BaseException | None) -> int | None:
    """Return the HTTP status of an error; None if there was no answer.

    If the answer is not JSON, the status is in the cause of lightkube's own error.
    """
    while error is not None:
        response = getattr(error, "response", None)
        if response is not None:
            return int(response.status_code)
        error = error.__context__
    return None
