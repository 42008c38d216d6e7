"""The way to Kubernetes, and what can go wrong on it, in either line of lightkube's releases.

The HTTP library is taken from where lightkube has it: `httpx` before 1.0, `httpx2` since.
"""

import functools
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightkube import Client

# At most seven requests in a row label an application: no hook is to hang for half a minute.
_SECONDS_TO_ANSWER = 3.0
_TALKATIVE = ("httpcore", "httpcore2", "httpx", "httpx2")


def kubernetes_client(namespace: str, field_manager: str) -> "Client":
    """A client for hooks: it waits 3 seconds for an answer, and does not flood the log.

    The loggers of the HTTP libraries are set to WARNING, unless the charm has set them to something: each
    line that a charm logs is a call of a hook tool, and every request would be a dozen of them.

    Args:
        namespace: where requests go that name no other; the model's name.
        field_manager: who writes, for server-side apply; the application's name.

    Raises:
        lightkube.ConfigError: if there is no Kubernetes to be found.
    """
    from lightkube import Client
    from lightkube.core import exceptions

    for logger in map(logging.getLogger, _TALKATIVE):
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)
    timeout = exceptions.httpx.Timeout(_SECONDS_TO_ANSWER)  # pyright: ignore[reportPrivateImportUsage]  # see above
    return Client(namespace=namespace, field_manager=field_manager, timeout=timeout)


@functools.cache
def kubernetes_errors() -> tuple[type[Exception], ...]:
    """The exceptions with which a lightkube client reports a refusal, or a request that failed.

    An answer that is not Kubernetes' (a proxy's page, half a document) raises a ValueError, or a KeyError
    if it lacks a header.
    """
    import lightkube
    from lightkube.core import exceptions

    http_error = exceptions.httpx.HTTPError  # pyright: ignore[reportPrivateImportUsage]  # see above
    return (lightkube.ApiError, exceptions.ConfigError, http_error, ValueError, KeyError)
