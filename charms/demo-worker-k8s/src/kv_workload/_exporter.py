"""The sender of telemetry to one backend, which never delays a request."""

import collections
import http.client
import itertools
import logging
import random
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Generic, TypeVar

from ._config import Labels, identity
from ._metrics import Metrics
from ._payloads import Payload
from ._version import VERSION

_TIMEOUT_SECONDS = 5
_BATCH_ITEMS = 512
_BACK_OFF_SECONDS = 0.5
_MAX_BACK_OFF_SECONDS = 30

logger = logging.getLogger("kv")

Item = TypeVar("Item")


@dataclass(frozen=True)
class Buffering:
    """The batches in which items are sent to a backend."""

    flush_seconds: float
    """Seconds for which a batch is gathered."""
    capacity: int
    """Items that are kept while the backend takes none."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object, **__: object) -> None:
        """Follow no redirect: only the configuration decides where telemetry goes."""


class Exporter(Generic[Item]):
    """A thread that sends items to one URL.

    `offer` never waits. Items that the backend cannot take now are retried, with growing pauses; items that
    do not fit into the buffer, and items that the backend rejects for good, are counted and dropped.
    """

    def __init__(
        self,
        backend: str,
        url: str,
        encode: Callable[[Sequence[Item], Labels], Payload],
        metrics: Metrics,
        context: ssl.SSLContext | None,
        buffering: Buffering,
    ):
        self._backend = backend
        self._url = url
        self._host = urllib.parse.urlsplit(url).hostname or ""
        self._encode = encode
        self._metrics = metrics
        self._buffering = buffering
        self._labels = identity()
        self._opener = urllib.request.build_opener(
            _NoRedirect(), urllib.request.HTTPSHandler(context=context)
        )
        self._items: collections.deque[Item] = collections.deque()
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{backend} {self._host}", daemon=True)
        self._thread.start()

    def offer(self, item: Item) -> None:
        """Add an item to the buffer."""
        with self._changed:
            if len(self._items) < self._buffering.capacity:
                self._items.append(item)
                self._changed.notify()
            else:
                self._drop(1, "full")

    def stop(self) -> None:
        """Send the rest of the buffer once, then end the thread."""
        self._stopping.set()
        with self._changed:
            self._changed.notify()

    def join(self, deadline: float) -> None:
        """Wait for the thread to end, at most until `deadline` on the monotonic clock."""
        self._thread.join(max(0, deadline - time.monotonic()))

    def _run(self) -> None:
        failures = 0
        while batch := self._next_batch():
            problem = self._send(batch)
            if problem is None:
                if failures:
                    logger.info("%s at %s accepts telemetry again", self._backend, self._host)
                failures = 0
            elif self._stopping.is_set():
                self._forget(len(self._items), "stopped")
            else:
                if not failures:
                    logger.warning("%s at %s accepts no telemetry: %s", self._backend, self._host, problem)
                pause = min(_MAX_BACK_OFF_SECONDS, _BACK_OFF_SECONDS * 2**failures)
                failures = min(failures + 1, 16)
                self._stopping.wait(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads retries, guards nothing

    def _next_batch(self) -> list[Item]:
        """Wait for items; return none once `stop` was called and the buffer is empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._stopping.is_set())
        if len(self._items) < _BATCH_ITEMS:
            self._stopping.wait(self._buffering.flush_seconds)
        with self._changed:
            return list(itertools.islice(self._items, _BATCH_ITEMS))

    def _send(self, batch: Sequence[Item]) -> str | None:
        """Send a batch and forget it; return the reason if it should be retried."""
        payload = self._encode(batch, self._labels)
        headers = {**payload.headers, "User-Agent": f"demo-worker/{VERSION}"}
        request = urllib.request.Request(self._url, payload.body, headers, method="POST")  # noqa: S310 - Config checks it
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS):
                pass
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == HTTPStatus.TOO_MANY_REQUESTS or error.code >= 500:
                return f"{error.code} {error.reason}"
            logger.warning("%s at %s rejects %d items: %d", self._backend, self._host, len(batch), error.code)
            self._forget(len(batch), "refused")
        except (OSError, http.client.HTTPException) as error:
            return str(error) or type(error).__name__
        else:
            self._metrics.sent.add(self._backend, self._host, by=len(batch))
            self._forget(len(batch))
        return None

    def _forget(self, count: int, reason: str = "") -> None:
        with self._changed:
            for _ in range(count):
                self._items.popleft()
        if reason:
            self._drop(count, reason)

    def _drop(self, count: int, reason: str) -> None:
        self._metrics.dropped.add(self._backend, self._host, reason, by=count)
