"""Counters, histograms and gauges, and their text for Prometheus."""

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ._config import Labels
from ._store import Store

_STARTED = time.time()


@dataclass(frozen=True)
class Sample:
    """One value of a metric."""

    name: str
    labels: Labels
    value: float


class Counter:
    """A count of events, by labels."""

    kind = "counter"

    def __init__(self, name: str, description: str, *labels: str):
        self.name = name
        self.description = description
        self._labels = labels
        self._lock = threading.Lock()
        self._values: dict[tuple[str, ...], float] = {} if labels else {(): 0}

    def add(self, *values: str, by: float = 1) -> None:
        """Add `by` to the count with these label values."""
        with self._lock:
            self._values[values] = self._values.get(values, 0) + by

    def samples(self) -> Iterator[Sample]:
        """Return its current samples."""
        with self._lock:
            values = dict(self._values)
        for key, value in values.items():
            yield Sample(self.name, dict(zip(self._labels, key, strict=True)), value)


class Histogram:
    """A distribution of durations, by labels."""

    kind = "histogram"
    bounds = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)

    def __init__(self, name: str, description: str, *labels: str):
        self.name = name
        self.description = description
        self._buckets = Counter(f"{name}_bucket", "", *labels, "le")
        self._sum = Counter(f"{name}_sum", "", *labels)
        self._count = Counter(f"{name}_count", "", *labels)

    def observe(self, *values: str, seconds: float) -> None:
        """Add one duration."""
        for bound in self.bounds:
            self._buckets.add(*values, str(bound), by=int(seconds <= bound))
        self._buckets.add(*values, "+Inf")
        self._sum.add(*values, by=seconds)
        self._count.add(*values)

    def samples(self) -> Iterator[Sample]:
        """Return its current samples."""
        yield from self._buckets.samples()
        yield from self._sum.samples()
        yield from self._count.samples()


class Gauge:
    """A value that is measured when it is read."""

    kind = "gauge"

    def __init__(self, name: str, description: str, read: Callable[[], float]):
        self.name = name
        self.description = description
        self._read = read

    def samples(self) -> Iterator[Sample]:
        """Return its current sample."""
        yield Sample(self.name, {}, self._read())


Metric = Counter | Histogram | Gauge


class Metrics:
    """All metrics of this process."""

    def __init__(self, store: Store):
        self.requests = Counter("kv_requests_total", "Requests answered.", "role", "method", "status")
        self.duration = Histogram("kv_request_duration_seconds", "Time to an answer.", "role", "method")
        self.shard_failures = Counter(
            "kv_shard_failures_total", "Requests that a store did not answer.", "shard"
        )
        self.refused_connections = Counter(
            "kv_connections_refused_total", "Connections closed because too many were open."
        )
        self.sent = Counter("kv_telemetry_sent_total", "Items that a backend took.", "backend", "host")
        self.dropped = Counter(
            "kv_telemetry_dropped_total", "Items that no backend got.", "backend", "host", "reason"
        )
        self.all: Sequence[Metric] = (
            self.requests,
            self.duration,
            self.shard_failures,
            self.refused_connections,
            self.sent,
            self.dropped,
            Gauge("kv_keys", "Keys held in memory.", lambda: len(store)),
            Gauge("kv_stored_bytes", "Memory that keys and values take, about.", lambda: store.size),
            # Every client library of Prometheus has metrics with these names.
            Gauge("process_resident_memory_bytes", "Memory that the process takes.", _resident_memory),
            Gauge("process_start_time_seconds", "When the process started, since 1970.", lambda: _STARTED),
        )

    def samples(self) -> list[Sample]:
        """Return the samples of every metric."""
        return list(itertools.chain.from_iterable(metric.samples() for metric in self.all))

    def text(self) -> str:
        """Format every metric as Prometheus' text.

        https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
        """
        lines: list[str] = []
        for metric in self.all:
            lines.append(f"# HELP {metric.name} {metric.description}")
            lines.append(f"# TYPE {metric.name} {metric.kind}")
            for sample in metric.samples():
                labels = ",".join(f'{name}="{_escape(value)}"' for name, value in sample.labels.items())
                lines.append(f"{sample.name}{{{labels}}} {sample.value!r}")
        return "\n".join(lines) + "\n"


def _resident_memory() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
