"""What can go wrong on the way to Kubernetes, in either line of lightkube's releases."""

import functools


@functools.cache
def kubernetes_errors() -> tuple[type[Exception], ...]:
    """The exceptions with which a lightkube client reports a refusal or a request that failed.

    The HTTP library is taken from where lightkube has it: `httpx` before 1.0, `httpx2` since.
    """
    import lightkube
    from lightkube.core import exceptions

    http_error = exceptions.httpx.HTTPError  # pyright: ignore[reportPrivateImportUsage]  # whichever it uses
    return (lightkube.ApiError, exceptions.ConfigError, http_error)
