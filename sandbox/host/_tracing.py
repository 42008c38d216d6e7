"""A charm's own traces, which ops-scenario buffers: sent to the charm's endpoint after each hook."""

import contextlib
import http.client
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ops

_SECONDS = 1.0


@dataclass
class Destination:
    """The receiver of traces."""

    url: str | None = None


def follow() -> Destination:
    """Record from now on the destination of the charm's traces."""
    destination = Destination()
    if ops.tracing is None:
        return destination

    def note(url: str | None, ca: str | None) -> None:  # noqa: ARG001  # nothing in a sandbox's mesh needs one
        destination.url = url

    ops.tracing.set_destination = note
    return destination


def send(destination: Destination, spans: Sequence[Any]) -> None:
    """Send the traces of a hook, if there is a destination; unlike ops, this does not retry."""
    if not (destination.url and spans):
        return
    from ops_tracing import _otlp_json  # the content type of ops itself

    request = urllib.request.Request(  # noqa: S310  # ops has looked at it
        destination.url, _otlp_json.encode_spans(spans), {"Content-Type": _otlp_json.CONTENT_TYPE}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with contextlib.suppress(OSError, http.client.HTTPException), opener.open(request, timeout=_SECONDS):
        pass
