"""A small key-value service, in one file that needs nothing but Python 3.10 or later.

    python3 workload.py --config /etc/worker/config.yaml --roles api,store

A process has one role or both (`all` stands for both), all on the one port of its configuration:

- `api`: `GET`, `PUT` and `DELETE /kv/{key}`. The keys are spread over the `store` processes.
- `store`: `GET`, `PUT` and `DELETE /store/{key}`. Holds its share of the keys in memory, up to a limit.

Either role answers `GET /healthz` ("ready") and `GET /metrics` (Prometheus' text format). Logs go to Loki,
metrics by remote-write and spans by OTLP/HTTP to the URLs of the configuration; any of them may be down.

The configuration is JSON (which is YAML too), read once, at the start. Of its files, certificate and key are
read again when they have changed:

    {
      "port": 8080,
      "stores": ["http://HOST:8080", …],
      "tls": {"cert": FILE, "key": FILE, "ca": FILE} or null,
      "telemetry": {"loki": [URL, …], "remote_write": [URL, …], "otlp_http": URL or null,
                    "flush_seconds": 1, "sample_seconds": 15}
    }

Who this process is comes from the environment, and labels all that it sends: `JUJU_MODEL`, `JUJU_MODEL_UUID`,
`JUJU_APPLICATION`, `JUJU_UNIT` and `JUJU_CHARM`.
"""

import argparse
import collections
import contextlib
import hashlib
import http.client
import http.server
import itertools
import json
import logging
import os
import random
import re
import signal
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from http import HTTPStatus
from pathlib import Path
from typing import Any, Generic, TypeVar

VERSION = "1.1.0"

MAX_KEY_BYTES = 256
MAX_VALUE_BYTES = 1024 * 1024
MAX_STORE_BYTES = 64 * 1024 * 1024
ENTRY_BYTES = 256  # what Python needs beside a key and its value, about
MAX_CONNECTIONS = 256
# Longer than nginx keeps its own end (60), so that it never sends into a connection that is being closed.
IDLE_SECONDS = 75
SHARD_SECONDS = 5
TELEMETRY_SECONDS = 5
DRAIN_SECONDS = 10
FLUSH_SECONDS = 3
BUFFERED_ITEMS = 4096  # of logs and of spans
BUFFERED_SNAPSHOTS = 240  # of the metrics
BATCH_ITEMS = 512
BACK_OFF_SECONDS = 0.5
MAX_BACK_OFF_SECONDS = 30

_STARTED = time.time()

logger = logging.getLogger("kv")
access_logger = logging.getLogger("kv.access")

Labels = Mapping[str, str]


# --- Configuration ---


class ConfigError(Exception):
    """The configuration can't be used; the message says where and why."""


@dataclass(frozen=True)
class Tls:
    """The files that make this process a TLS server, and a client that trusts its like."""

    cert: str
    key: str
    ca: str


@dataclass(frozen=True)
class Telemetry:
    """Where this process tells how it is."""

    loki: Sequence[str] = ()
    remote_write: Sequence[str] = ()
    otlp_http: str | None = None
    flush_seconds: float = 1
    """How long logs and spans are gathered before they are sent."""
    sample_seconds: float = 15
    """How often the metrics are sent by remote-write."""


@dataclass(frozen=True)
class Config:
    """What the coordinator tells every process."""

    port: int
    stores: Sequence[str]
    tls: Tls | None = None
    telemetry: Telemetry = field(default_factory=Telemetry)

    @classmethod
    def load(cls, path: Path) -> "Config":
        """Read the configuration.

        Raises:
            ConfigError: if the file can't be read or says something else than a configuration.
        """
        try:
            content = json.loads(path.read_text())
            tls = content.get("tls")
            config = cls(
                port=int(content["port"]),
                stores=content["stores"],
                tls=Tls(**_known(Tls, tls)) if tls else None,
                telemetry=Telemetry(**_known(Telemetry, content.get("telemetry", {}))),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"{path}: {type(error).__name__}: {error}") from error
        if not 0 < config.port < 65536:
            raise ConfigError(f"{path}: {config.port} is not a port")
        telemetry = config.telemetry
        destinations = [*config.stores, *telemetry.loki, *telemetry.remote_write]
        for url in [*destinations, *([telemetry.otlp_http] if telemetry.otlp_http else [])]:
            if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
                raise ConfigError(f"{path}: {url!r} is not an HTTP URL")
        return config


def _known(model: type[Tls] | type[Telemetry], content: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what a later coordinator may say, and this version does not know."""
    return {known.name: content[known.name] for known in fields(model) if known.name in content}


def identity() -> dict[str, str]:
    """Say who this process is, as the labels of everything that it sends."""
    names = ("JUJU_MODEL", "JUJU_MODEL_UUID", "JUJU_APPLICATION", "JUJU_UNIT", "JUJU_CHARM")
    return {name.lower(): os.environ[name] for name in names if name in os.environ}


# --- Metrics ---


@dataclass(frozen=True)
class Sample:
    """One number of a metric, at the moment that it was read."""

    name: str
    labels: Labels
    value: float


class Counter:
    """Counts what happened, by its labels."""

    kind = "counter"

    def __init__(self, name: str, description: str, *labels: str):
        self.name = name
        self.description = description
        self._labels = labels
        self._lock = threading.Lock()
        self._values: dict[tuple[str, ...], float] = {} if labels else {(): 0}

    def add(self, *values: str, by: float = 1) -> None:
        """Count `by` more for these values of the labels."""
        with self._lock:
            self._values[values] = self._values.get(values, 0) + by

    def samples(self) -> Iterator[Sample]:
        """Read all of it."""
        with self._lock:
            values = dict(self._values)
        for key, value in values.items():
            yield Sample(self.name, dict(zip(self._labels, key, strict=True)), value)


class Histogram:
    """Counts how long something took, by its labels."""

    kind = "histogram"
    bounds = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)

    def __init__(self, name: str, description: str, *labels: str):
        self.name = name
        self.description = description
        self._buckets = Counter(f"{name}_bucket", "", *labels, "le")
        self._sum = Counter(f"{name}_sum", "", *labels)
        self._count = Counter(f"{name}_count", "", *labels)

    def observe(self, *values: str, seconds: float) -> None:
        """Count one more that took so long."""
        for bound in self.bounds:
            self._buckets.add(*values, str(bound), by=int(seconds <= bound))
        self._buckets.add(*values, "+Inf")
        self._sum.add(*values, by=seconds)
        self._count.add(*values)

    def samples(self) -> Iterator[Sample]:
        """Read all of it."""
        yield from self._buckets.samples()
        yield from self._sum.samples()
        yield from self._count.samples()


class Gauge:
    """Something that is measured when it is read."""

    kind = "gauge"

    def __init__(self, name: str, description: str, read: Callable[[], float]):
        self.name = name
        self.description = description
        self._read = read

    def samples(self) -> Iterator[Sample]:
        """Measure it."""
        yield Sample(self.name, {}, self._read())


Metric = Counter | Histogram | Gauge


class Metrics:
    """All that this process counts and measures."""

    def __init__(self, store: "Store"):
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
            # What every client library of Prometheus shows under these names.
            Gauge("process_resident_memory_bytes", "Memory that the process takes.", _resident_memory),
            Gauge("process_start_time_seconds", "When the process started, since 1970.", lambda: _STARTED),
        )

    def samples(self) -> list[Sample]:
        """Read every metric."""
        return [sample for metric in self.all for sample in metric.samples()]

    def text(self) -> str:
        """Show every metric in Prometheus' text format.

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


# --- What goes over the wire to the telemetry backends ---


@dataclass(frozen=True)
class Payload:
    """The body of a request, and the headers that say what it is."""

    body: bytes
    headers: Labels


@dataclass(frozen=True)
class LogLine:
    """One line of the log."""

    time_ns: int
    level: str
    text: str


@dataclass(frozen=True)
class Snapshot:
    """Every metric at one moment."""

    time_ms: int
    samples: Sequence[Sample]


@dataclass(frozen=True)
class Span:
    """One piece of work in a trace."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    start_ns: int
    end_ns: int
    attributes: Labels
    failed: bool


def loki_push(lines: Sequence[LogLine], labels: Labels) -> Payload:
    """Encode lines for Loki: one stream a level.

    https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs
    """
    streams: dict[str, list[list[str]]] = {}
    for line in lines:
        streams.setdefault(line.level, []).append([str(line.time_ns), line.text])
    content = {
        "streams": [
            {"stream": {**labels, "level": level}, "values": values} for level, values in streams.items()
        ]
    }
    return Payload(json.dumps(content).encode(), {"Content-Type": "application/json"})


def remote_write(snapshots: Sequence[Snapshot], labels: Labels) -> Payload:
    """Encode metrics for Prometheus' remote-write 1.0: one time series a set of labels, its samples in order.

    https://prometheus.io/docs/specs/prw/remote_write_spec/
    """
    series: dict[tuple[tuple[str, str], ...], list[bytes]] = {}
    for snapshot in snapshots:
        for sample in snapshot.samples:
            key = tuple(sorted({**labels, **sample.labels, "__name__": sample.name}.items()))
            value = b"\x09" + struct.pack("<d", sample.value) + b"\x10" + _varint(snapshot.time_ms)
            series.setdefault(key, []).append(_message(2, value))
    body = b"".join(
        _message(
            1,
            *(_message(1, _message(1, name.encode()), _message(2, value.encode())) for name, value in key),
            *samples,
        )
        for key, samples in series.items()
    )
    headers = {
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }
    return Payload(_snappy(body), headers)


def _varint(number: int) -> bytes:
    """Encode a number as Protocol Buffers do: https://protobuf.dev/programming-guides/encoding/#varints."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _message(field_number: int, *parts: bytes) -> bytes:
    """Encode a field of bytes, text or a nested message."""
    content = b"".join(parts)
    return bytes([field_number << 3 | 2]) + _varint(len(content)) + content


def _snappy(content: bytes) -> bytes:
    """Frame bytes in snappy's block format without compressing them: its length, then only literals.

    https://github.com/google/snappy/blob/main/format_description.txt
    """
    two_byte_literal = 61 << 2
    chunks = (content[start : start + 65536] for start in range(0, len(content), 65536))
    return _varint(len(content)) + b"".join(
        struct.pack("<BH", two_byte_literal, len(chunk) - 1) + chunk for chunk in chunks
    )


def otlp_traces(spans: Sequence[Span], labels: Labels) -> Payload:
    """Encode spans for OTLP/HTTP in JSON.

    https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
    """
    resource = {"service.name": labels.get("juju_application", "kv"), **labels}
    encoded = [
        {
            "traceId": span.trace_id,
            "spanId": span.span_id,
            "parentSpanId": span.parent_id,
            "name": span.name,
            "kind": span.kind,
            "startTimeUnixNano": str(span.start_ns),
            "endTimeUnixNano": str(span.end_ns),
            "attributes": _attributes(span.attributes),
            "status": {"code": 2} if span.failed else {},
        }
        for span in spans
    ]
    content = {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(resource)},
                "scopeSpans": [{"scope": {"name": "kv", "version": VERSION}, "spans": encoded}],
            }
        ]
    }
    return Payload(json.dumps(content).encode(), {"Content-Type": "application/json"})


def _attributes(values: Labels) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


# --- Sending it ---

Item = TypeVar("Item")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object, **__: object) -> None:
        """Follow nowhere: telemetry goes where the configuration says."""


class Exporter(Generic[Item]):
    """Sends items to one URL, from a thread of its own.

    Whoever hands an item over never waits. What the backend can't take now is kept and tried again, ever more
    seldom; what doesn't fit into the buffer, and what the backend will never take, is counted and dropped.
    """

    def __init__(
        self,
        backend: str,
        url: str,
        encode: Callable[[Sequence[Item], Labels], Payload],
        metrics: Metrics,
        context: ssl.SSLContext | None,
        flush_seconds: float,
        capacity: int,
    ):
        self._backend = backend
        self._url = url
        self._host = urllib.parse.urlsplit(url).hostname or ""
        self._encode = encode
        self._metrics = metrics
        self._flush_seconds = flush_seconds
        self._capacity = capacity
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
        """Hand an item over, to be sent soon."""
        with self._changed:
            if len(self._items) < self._capacity:
                self._items.append(item)
                self._changed.notify()
            else:
                self._drop(1, "full")

    def stop(self) -> None:
        """Ask for what is left to be sent once more, and for the end."""
        self._stopping.set()
        with self._changed:
            self._changed.notify()

    def join(self, deadline: float) -> None:
        """Wait for the end, at most until that moment of the monotonic clock."""
        self._thread.join(max(0, deadline - time.monotonic()))

    def _run(self) -> None:
        failures = 0
        while batch := self._next_batch():
            problem = self._send(batch)
            if problem is None:
                if failures:
                    logger.info("%s at %s takes again what it gets", self._backend, self._host)
                failures = 0
            elif self._stopping.is_set():
                self._forget(len(self._items), "stopped")
            else:
                if not failures:
                    logger.warning("%s at %s takes nothing: %s", self._backend, self._host, problem)
                pause = min(MAX_BACK_OFF_SECONDS, BACK_OFF_SECONDS * 2**failures)
                failures = min(failures + 1, 16)
                self._stopping.wait(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads retries, guards nothing

    def _next_batch(self) -> list[Item]:
        """Wait for something to send; there is nothing more once `stop` was called and all is sent."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._stopping.is_set())
        if len(self._items) < BATCH_ITEMS:
            self._stopping.wait(self._flush_seconds)
        with self._changed:
            return list(itertools.islice(self._items, BATCH_ITEMS))

    def _send(self, batch: Sequence[Item]) -> str | None:
        """Send a batch and forget it, or say why it should be tried again."""
        payload = self._encode(batch, self._labels)
        headers = {**payload.headers, "User-Agent": f"demo-worker/{VERSION}"}
        request = urllib.request.Request(self._url, payload.body, headers, method="POST")  # noqa: S310 - Config checks it
        try:
            with self._opener.open(request, timeout=TELEMETRY_SECONDS):
                pass
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == HTTPStatus.TOO_MANY_REQUESTS or error.code >= 500:
                return f"{error.code} {error.reason}"
            logger.warning("%s at %s refuses %d items: %d", self._backend, self._host, len(batch), error.code)
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


class JsonLines(logging.Formatter):
    """Shows a log record as one line of JSON, with the fields that `extra={"fields": …}` brings."""

    def format(self, record: logging.LogRecord) -> str:
        """Show the record."""
        fields: Mapping[str, object] = getattr(record, "fields", {})
        content = {"level": record.levelname.lower(), "message": record.getMessage(), **fields}
        if record.exc_info:
            content["exception"] = self.formatException(record.exc_info)
        return json.dumps(content)


class LokiHandler(logging.Handler):
    """Hands log records to Loki."""

    def __init__(self, exporter: Exporter[LogLine]):
        super().__init__()
        self._exporter = exporter

    def emit(self, record: logging.LogRecord) -> None:
        """Hand one over."""
        time_ns = int(record.created * 1e9)
        self._exporter.offer(LogLine(time_ns, record.levelname.lower(), self.format(record)))


class Reporter:
    """Brings logs, metrics and spans to the backends of the configuration."""

    def __init__(self, telemetry: Telemetry, metrics: Metrics, context: ssl.SSLContext | None):
        self._metrics = metrics
        self._sample_seconds = telemetry.sample_seconds
        flush = telemetry.flush_seconds
        logs = [
            Exporter("loki", url, loki_push, metrics, context, flush, BUFFERED_ITEMS)
            for url in telemetry.loki
        ]
        self._snapshots = [
            Exporter("remote-write", url, remote_write, metrics, context, 0, BUFFERED_SNAPSHOTS)
            for url in telemetry.remote_write
        ]
        self._spans = [
            Exporter("otlp", f"{url}/v1/traces", otlp_traces, metrics, context, flush, BUFFERED_ITEMS)
            for url in ([telemetry.otlp_http.rstrip("/")] if telemetry.otlp_http else [])
        ]
        self._exporters = [*logs, *self._snapshots, *self._spans]
        self._stopping = threading.Event()
        set_up_logging(logs)
        threading.Thread(target=self._sample, name="sampler", daemon=True).start()

    def span(self, span: Span) -> None:
        """Tell of a piece of work."""
        for exporter in self._spans:
            exporter.offer(span)

    def stop(self) -> None:
        """Send what is left, as far as that is quick."""
        self._stopping.set()
        self._take_snapshot()
        for exporter in self._exporters:
            exporter.stop()
        deadline = time.monotonic() + FLUSH_SECONDS
        for exporter in self._exporters:
            exporter.join(deadline)

    def _sample(self) -> None:
        # The first at once, so that counters are seen to begin at zero.
        self._take_snapshot()
        while not self._stopping.wait(self._sample_seconds):
            self._take_snapshot()

    def _take_snapshot(self) -> None:
        snapshot = Snapshot(time.time_ns() // 1_000_000, self._metrics.samples())
        for exporter in self._snapshots:
            exporter.offer(snapshot)


def set_up_logging(loki: Iterable[Exporter[LogLine]]) -> None:
    """Log on standard output; requests go to Loki instead, where there is one.

    What is on standard output reaches Loki too, by Pebble's log forwarding: nothing may go both ways.
    """
    standard_output = logging.StreamHandler(sys.stdout)
    access: list[logging.Handler] = [LokiHandler(exporter) for exporter in loki]
    for handler in [standard_output, *access]:
        handler.setFormatter(JsonLines())
    logger.setLevel(logging.INFO)
    logger.handlers = [standard_output]
    access_logger.propagate = not access
    access_logger.handlers = access


# --- Traces ---

SERVER_SPAN = 2
CLIENT_SPAN = 3


@dataclass(frozen=True)
class Trace:
    """The place of a piece of work in its trace: https://www.w3.org/TR/trace-context/."""

    trace_id: str
    span_id: str
    parent_id: str = ""
    sampled: bool = True

    @classmethod
    def from_header(cls, traceparent: str) -> "Trace":
        """Go on with the caller's trace, or begin one if there is none that can be read."""
        caller = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", traceparent)
        if not caller or not int(caller[1], 16) or not int(caller[2], 16):
            return cls(os.urandom(16).hex(), os.urandom(8).hex())
        return cls(caller[1], os.urandom(8).hex(), caller[2], sampled=bool(int(caller[3], 16) & 1))

    def child(self) -> "Trace":
        """Begin a piece of work within this one."""
        return Trace(self.trace_id, os.urandom(8).hex(), self.span_id, self.sampled)

    @property
    def header(self) -> str:
        """What tells the next process of this."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"


# --- The service ---


@dataclass(frozen=True)
class Answer:
    """The answer to a request."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Labels = field(default_factory=dict[str, str])


def _problem(status: HTTPStatus, detail: str, **headers: str) -> Answer:
    return Answer(status, f"{detail}\n".encode(), headers=headers)


class KeyRefusedError(ValueError):
    """The part of a path that should be a key is none; the message says why."""


def key_from(segment: str) -> str:
    """Decode the key in a path.

    Raises:
        KeyRefusedError: if it is empty, too long, not printable UTF-8, or could be taken for a path.
    """
    if not segment.isascii() or re.search(r"%(?![0-9A-Fa-f]{2})", segment):
        raise KeyRefusedError("a key is percent-encoded")
    encoded = urllib.parse.unquote_to_bytes(segment)
    if not 0 < len(encoded) <= MAX_KEY_BYTES:
        raise KeyRefusedError(f"a key has 1 to {MAX_KEY_BYTES} bytes")
    try:
        key = encoded.decode()
    except UnicodeDecodeError:
        raise KeyRefusedError("a key is UTF-8") from None
    if not key.isprintable() or "/" in key or key in (".", ".."):
        raise KeyRefusedError("a key is printable, has no '/', and is neither '.' nor '..'")
    return key


def _entry_size(key: str, value: bytes) -> int:
    return len(key.encode()) + len(value) + ENTRY_BYTES


class Store:
    """The keys and values that this process holds."""

    def __init__(self, limit: int = MAX_STORE_BYTES):
        self.size = 0
        self._limit = limit
        self._values: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def answer(self, method: str, key: str, value: bytes) -> Answer:
        """Get, put or delete a value."""
        if method == "PUT":
            return self._put(key, value)
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return _problem(HTTPStatus.NOT_FOUND, "no such key")
            if method == "GET":
                return Answer(HTTPStatus.OK, found, "application/octet-stream")
            del self._values[key]
            self.size -= _entry_size(key, found)
            return Answer(HTTPStatus.NO_CONTENT)

    def _put(self, key: str, value: bytes) -> Answer:
        with self._lock:
            old = self._values.get(key)
            growth = _entry_size(key, value) - (0 if old is None else _entry_size(key, old))
            if self.size + growth > self._limit:
                return _problem(HTTPStatus.INSUFFICIENT_STORAGE, "this store is full")
            self._values[key] = value
            self.size += growth
            return Answer(HTTPStatus.CREATED if old is None else HTTPStatus.NO_CONTENT)


class ShardError(Exception):
    """A store did not answer."""


class Shard:
    """One `store` process, as the `api` role sees it."""

    def __init__(self, url: str, context: ssl.SSLContext | None):
        self.answers = True
        parts = urllib.parse.urlsplit(url)
        self.name = parts.netloc
        self._host = parts.hostname or ""
        self._port = parts.port
        self._secure = parts.scheme == "https"
        self._context = context
        self._idle: collections.deque[http.client.HTTPConnection] = collections.deque(maxlen=16)

    def weight(self, key: str) -> bytes:
        """Say how much this shard is the one for the key, among others."""
        return hashlib.blake2b(f"{self.name}/{key}".encode(), digest_size=8).digest()

    def answer(self, method: str, key: str, value: bytes, trace: Trace) -> Answer:
        """Pass a request on.

        Raises:
            ShardError: if there is no answer.
        """
        try:
            idle = self._idle.pop()
        except IndexError:
            idle = None
        try:
            if idle:
                # The other end may have closed it meanwhile, which is no reason to fail.
                with contextlib.suppress(ConnectionError):
                    return self._exchange(idle, method, key, value, trace)
            return self._exchange(self._connect(), method, key, value, trace)
        except (OSError, http.client.HTTPException) as error:
            raise ShardError(str(error) or type(error).__name__) from error

    def _connect(self) -> http.client.HTTPConnection:
        if self._secure:
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=SHARD_SECONDS, context=self._context
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=SHARD_SECONDS)

    def _exchange(
        self, connection: http.client.HTTPConnection, method: str, key: str, value: bytes, trace: Trace
    ) -> Answer:
        try:
            path = f"/store/{urllib.parse.quote(key, safe='')}"
            connection.request(method, path, value or None, {"traceparent": trace.header})
            response = connection.getresponse()
            content_type = response.headers.get("Content-Type", "application/octet-stream")
            answer = Answer(response.status, response.read(), content_type)
        except BaseException:
            connection.close()
            raise
        if not response.will_close:
            self._idle.append(connection)
        return answer


class Service:
    """Answers requests in the roles of this process."""

    def __init__(
        self,
        roles: Iterable[str],
        store: Store,
        shards: Sequence[Shard],
        metrics: Metrics,
        reporter: Reporter,
    ):
        self._handlers: dict[str, Callable[[str, str, bytes, Trace], Answer]] = {}
        if "api" in roles:
            self._handlers["kv"] = self._api
        if "store" in roles:
            self._handlers["store"] = self._held_here
        self._store = store
        self._shards = shards
        self._metrics = metrics
        self._reporter = reporter

    def answer(self, method: str, path: str, body: bytes, traceparent: str) -> Answer:
        """Answer one request, and tell the world how that went."""
        if path == "/healthz":
            return Answer(HTTPStatus.OK, b"ready\n")
        if path == "/metrics":
            return Answer(HTTPStatus.OK, self._metrics.text().encode(), "text/plain; version=0.0.4")
        prefix, _, segment = path.removeprefix("/").partition("/")
        handler = self._handlers.get(prefix)
        if handler is None:
            return _problem(HTTPStatus.NOT_FOUND, "no such path")
        role = "api" if prefix == "kv" else prefix
        if method not in ("GET", "PUT", "DELETE"):
            return _problem(HTTPStatus.METHOD_NOT_ALLOWED, "GET, PUT or DELETE", Allow="GET, PUT, DELETE")
        trace = Trace.from_header(traceparent)
        start_ns, start = time.time_ns(), time.perf_counter()
        try:
            answer = handler(method, key_from(segment), body, trace)
        except KeyRefusedError as error:
            answer = _problem(HTTPStatus.BAD_REQUEST, str(error))
        self._tell(role, method, f"/{prefix}/{{key}}", answer, trace, start_ns, time.perf_counter() - start)
        return answer

    def _held_here(self, method: str, key: str, value: bytes, _: Trace) -> Answer:
        return self._store.answer(method, key, value)

    def _api(self, method: str, key: str, value: bytes, trace: Trace) -> Answer:
        if not self._shards:
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, "there is no store")
        # Rendezvous hashing: when a store comes or goes, only its own share of the keys moves.
        shard = max(self._shards, key=lambda shard: shard.weight(key))
        call = trace.child()
        start_ns = time.time_ns()
        try:
            answer = shard.answer(method, key, value, call)
            if not shard.answers:
                logger.info("store %s answers again", shard.name)
            shard.answers = True
        except ShardError as error:
            self._metrics.shard_failures.add(shard.name)
            if shard.answers:
                logger.warning("store %s does not answer: %s", shard.name, error)
            shard.answers = False
            answer = _problem(HTTPStatus.SERVICE_UNAVAILABLE, f"store {shard.name} does not answer")
        self._span(
            call, f"{method} {shard.name}", CLIENT_SPAN, start_ns, answer, {"server.address": shard.name}
        )
        return answer

    def _tell(
        self, role: str, method: str, route: str, answer: Answer, trace: Trace, start_ns: int, seconds: float
    ) -> None:
        status = str(int(answer.status))
        self._metrics.requests.add(role, method, status)
        self._metrics.duration.observe(role, method, seconds=seconds)
        # Keys are the users' own: they are in no log, no span and no metric.
        fields = {
            "role": role,
            "method": method,
            "route": route,
            "status": int(answer.status),
            "seconds": round(seconds, 6),
            "trace_id": trace.trace_id,
        }
        access_logger.info("request", extra={"fields": fields})
        attributes = {"http.request.method": method, "http.route": route}
        self._span(trace, f"{method} {route}", SERVER_SPAN, start_ns, answer, attributes)

    def _span(
        self, trace: Trace, name: str, kind: int, start_ns: int, answer: Answer, attributes: Labels
    ) -> None:
        if not trace.sampled:
            return
        self._reporter.span(
            Span(
                trace_id=trace.trace_id,
                span_id=trace.span_id,
                parent_id=trace.parent_id,
                name=name,
                kind=kind,
                start_ns=start_ns,
                end_ns=time.time_ns(),
                attributes={**attributes, "http.response.status_code": str(int(answer.status))},
                failed=answer.status >= 500,
            )
        )


# --- HTTP ---


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(message)s\n"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1  # so that an answer goes out in one piece
    server: "Server"  # pyright: ignore[reportIncompatibleVariableOverride] - no other server makes these

    def handle_any(self) -> None:
        """Answer one request."""
        with self.server.request_in_flight():
            body = self._body()
            if body is None:
                return
            path = self.path.partition("?")[0]
            traceparent = self.headers.get("traceparent", "")
            self._send(self.server.service.answer(self.command, path, body, traceparent))

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = do_PATCH = do_OPTIONS = handle_any  # noqa: N815 - http.server's names

    def _body(self) -> bytes | None:
        """Read the body; or refuse it and the connection, for where the next request begins is unknown."""
        lengths = self.headers.get_all("Content-Length", ["0"])
        length = lengths[0]
        if "Transfer-Encoding" in self.headers:
            refusal = _problem(HTTPStatus.LENGTH_REQUIRED, "say the length of the body")
        elif len(lengths) > 1 or not (length.isascii() and length.isdigit()):
            refusal = _problem(HTTPStatus.BAD_REQUEST, "Content-Length is not one number")
        elif len(length) > 18 or int(length) > MAX_VALUE_BYTES:
            refusal = _problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {MAX_VALUE_BYTES} bytes")
        else:
            body = self.rfile.read(int(length))
            if len(body) == int(length):
                return body
            refusal = _problem(HTTPStatus.BAD_REQUEST, "the body ends too early")
        self.close_connection = True
        self._send(refusal)
        return None

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection or self.server.draining:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self.wfile.flush()

    def handle_expect_100(self) -> bool:
        """Let the client send its body."""
        go_on = super().handle_expect_100()
        self.wfile.flush()
        return go_on

    def version_string(self) -> str:
        """Say what answers."""
        return f"demo-worker/{VERSION}"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing: `Service` tells what there is to tell."""


class Server(http.server.ThreadingHTTPServer):
    """Accepts connections: a thread each, and no more of them than `MAX_CONNECTIONS`."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self,
        address: str,
        port: int,
        service: Service,
        metrics: Metrics,
        certificate: "Certificate | None",
    ):
        self.service = service
        self.draining = False
        self._metrics = metrics
        self._certificate = certificate
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._in_flight = 0
        self._idle = threading.Condition()
        self._dual_stack = not address and socket.has_dualstack_ipv6()
        if self._dual_stack or ":" in address:
            self.address_family = socket.AF_INET6
        super().__init__((address, port), Handler)

    def server_bind(self) -> None:
        """Take the address; all of them means IPv4 and IPv6."""
        if self._dual_stack:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        # Not HTTPServer's, which looks up the address's name; that can take seconds, and nobody asks for it.
        socketserver.TCPServer.server_bind(self)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; its thread shakes hands, so that a slow client holds nobody else up."""
        connection, address = super().get_request()
        if self._certificate:
            context = self._certificate.context()
            connection = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a connection its thread."""
        if not self._slots.acquire(blocking=False):
            self._metrics.refused_connections.add()
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._slots.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - socketserver's signature
        """Tell of a fault of ours; a client that goes away, or speaks no TLS, is none."""
        if not isinstance(sys.exc_info()[1], OSError):
            logger.exception("a request failed")

    @contextlib.contextmanager
    def request_in_flight(self) -> Generator[None]:
        """Hold up `drain` for the time of a request."""
        with self._idle:
            self._in_flight += 1
        try:
            yield
        finally:
            with self._idle:
                self._in_flight -= 1
                self._idle.notify_all()

    def drain(self) -> bool:
        """Take no more connections; wait for the requests in flight, and say whether all were answered."""
        self.draining = True
        self.shutdown()
        self.server_close()
        with self._idle:
            return self._idle.wait_for(lambda: self._in_flight == 0, DRAIN_SECONDS)


def client_context(tls: Tls | None) -> ssl.SSLContext:
    """Trust the cluster's own certificate authority beside the usual ones."""
    context = ssl.create_default_context()
    if tls:
        context.load_verify_locations(tls.ca)
    return context


class Certificate:
    """The certificate that this process serves with: that of the files, also after they have changed."""

    def __init__(self, tls: Tls):
        self._tls = tls
        self._loaded = self._changed_at()
        self._context = self._load()

    def context(self) -> ssl.SSLContext:
        """Serve with what is in the files now, or with what was, while certificate and key don't match."""
        found = self._changed_at()
        if found != self._loaded:
            with contextlib.suppress(OSError):
                self._context, self._loaded = self._load(), found
                logger.info("serving with a new certificate")
        return self._context

    def _changed_at(self) -> tuple[int, ...]:
        with contextlib.suppress(FileNotFoundError):
            return tuple(Path(file).stat().st_mtime_ns for file in (self._tls.cert, self._tls.key))
        return ()

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._tls.cert, self._tls.key)
        return context


def roles_from(text: str) -> frozenset[str]:
    """Read the roles of the command line: comma-joined, `all` for both."""
    roles = frozenset(text.split(","))
    if not roles <= {"api", "store", "all"}:
        raise argparse.ArgumentTypeError("api, store or all, or several of them joined by commas")
    return frozenset({"api", "store"}) if "all" in roles else roles


def main() -> int:
    """Serve until SIGTERM or SIGINT; then answer what is in flight, send what is left, and end."""
    parser = argparse.ArgumentParser(description="A process of a small key-value service.")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="JSON")
    parser.add_argument("--roles", type=roles_from, required=True, help="api, store, or all")
    parser.add_argument("--listen", default="", metavar="ADDRESS", help="the address (default: all)")
    parser.add_argument("--version", action="version", version=f"demo-worker, version {VERSION}")
    arguments = parser.parse_args()
    # Blocked in every thread from here on, the signals wait until they are asked for.
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    set_up_logging(())

    try:
        config = Config.load(arguments.config)
        context = client_context(config.tls)
        store = Store()
        metrics = Metrics(store)
        reporter = Reporter(config.telemetry, metrics, context)
        shards = [Shard(url, context) for url in config.stores]
        service = Service(arguments.roles, store, shards, metrics, reporter)
        certificate = Certificate(config.tls) if config.tls else None
        server = Server(arguments.listen, config.port, service, metrics, certificate)
    except (ConfigError, OSError) as error:
        logger.error("can't start: %s", error)
        return 1

    threading.Thread(target=server.serve_forever, args=(0.1,), name="server", daemon=True).start()
    roles = ", ".join(sorted(arguments.roles))
    logger.info("serving %s on port %d, with %d stores", roles, config.port, len(shards))
    signal.sigwait(signals)
    answered = server.drain()
    reporter.stop()
    logger.info("stopped" if answered else f"stopped after {DRAIN_SECONDS} s with requests unanswered")
    return 0


if __name__ == "__main__":
    sys.exit(main())
