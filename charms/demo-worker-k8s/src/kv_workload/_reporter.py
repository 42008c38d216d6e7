"""All telemetry of a process."""

import ssl
import threading
import time

from ._config import Telemetry
from ._exporter import Buffering, Exporter
from ._logs import set_up_logging
from ._metrics import Metrics
from ._payloads import Span, loki_push, otlp_traces
from ._remote_write import Snapshot, remote_write

FLUSH_SECONDS = 3
"""Time that `Reporter.stop` takes at most."""

_BUFFERED_ITEMS = 4096
_BUFFERED_SNAPSHOTS = 240


class Reporter:
    """Sends logs, metrics and spans to the backends of the configuration."""

    def __init__(self, telemetry: Telemetry, metrics: Metrics, context: ssl.SSLContext | None):
        self._metrics = metrics
        self._sample_seconds = telemetry.sample_seconds
        items = Buffering(telemetry.flush_seconds, _BUFFERED_ITEMS)
        snapshots = Buffering(0, _BUFFERED_SNAPSHOTS)
        logs = [Exporter("loki", url, loki_push, metrics, context, items) for url in telemetry.loki]
        self._snapshots = [
            Exporter("remote-write", url, remote_write, metrics, context, snapshots)
            for url in telemetry.remote_write
        ]
        self._spans = [
            Exporter("otlp", f"{url}/v1/traces", otlp_traces, metrics, context, items)
            for url in ([telemetry.otlp_http.rstrip("/")] if telemetry.otlp_http else [])
        ]
        self._exporters = [*logs, *self._snapshots, *self._spans]
        self._stopping = threading.Event()
        set_up_logging(logs)
        threading.Thread(target=self._sample, name="sampler", daemon=True).start()

    def span(self, span: Span) -> None:
        """Send a span."""
        for exporter in self._spans:
            exporter.offer(span)

    def stop(self) -> None:
        """Send the rest, for `FLUSH_SECONDS` at most."""
        self._stopping.set()
        self._take_snapshot()
        for exporter in self._exporters:
            exporter.stop()
        deadline = time.monotonic() + FLUSH_SECONDS
        for exporter in self._exporters:
            exporter.join(deadline)

    def _sample(self) -> None:
        # The first at once, so that counters begin at zero.
        self._take_snapshot()
        while not self._stopping.wait(self._sample_seconds):
            self._take_snapshot()

    def _take_snapshot(self) -> None:
        snapshot = Snapshot(time.time_ns() // 1_000_000, self._metrics.samples())
        for exporter in self._snapshots:
            exporter.offer(snapshot)
