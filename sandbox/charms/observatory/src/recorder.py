"""A server that receives telemetry like Loki, Prometheus and Tempo, and records it by unit.

    python3 recorder.py TARGETS

`TARGETS` is a file with a JSON list of `{"url": …, "unit": …}`, which are scraped. `GET /recorded` gives a
JSON list of `{"kind": …, "unit": …, "count": …, "latest": […]}`. It needs only Python 3.10 or later.
"""

import collections
import contextlib
import http.client
import json
import struct
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LOKI_PORT, REMOTE_WRITE_PORT, OTLP_PORT = PORTS = 3100, 9090, 4318
LOKI_PATH, REMOTE_WRITE_PATH, OTLP_PATH = "/loki/api/v1/push", "/api/v1/write", "/v1/traces"

_ROUND_SECONDS = 1
_SCRAPE_SECONDS = 2
_LARGEST_BODY = 16 * 1024 * 1024
_KEPT = 200  # for each kind of each unit
_SOURCES = 1000

Found = Iterator[tuple[str, str]]
"""A unit, and what came from it."""


class Recordings:
    """The received data, by their kind and unit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count: collections.Counter[tuple[str, str]] = collections.Counter()
        self._latest: dict[tuple[str, str], collections.deque[str]] = {}

    def add(self, kind: str, found: Iterable[tuple[str, str]]) -> None:
        """Record data of a kind."""
        with self._lock:
            for unit, text in found:
                key = kind, unit
                if key in self._latest or len(self._latest) < _SOURCES:
                    self._count[key] += 1
                    self._latest.setdefault(key, collections.deque(maxlen=_KEPT)).append(text)

    def as_json(self) -> str:
        """Return all recorded data."""
        with self._lock:
            recorded = [
                {"kind": kind, "unit": unit, "count": self._count[kind, unit], "latest": list(latest)}
                for (kind, unit), latest in sorted(self._latest.items())
            ]
        return json.dumps(recorded)


# --- Data that clients send ---


def log_lines(body: bytes) -> Found:
    """Read a push to Loki, in JSON.

    https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs
    """
    for stream in json.loads(body)["streams"]:
        for value in stream["values"]:
            yield stream["stream"].get("juju_unit", ""), value[1]


def spans(body: bytes) -> Found:
    """Read traces of OTLP/HTTP, in JSON: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding."""
    for resource_spans in json.loads(body)["resourceSpans"]:
        attributes = {each["key"]: each["value"] for each in resource_spans["resource"]["attributes"]}
        unit = attributes.get("juju_unit", {}).get("stringValue", "")
        for scope_spans in resource_spans["scopeSpans"]:
            for span in scope_spans["spans"]:
                yield unit, f"{span['name']} in trace {span['traceId']}"


def series(body: bytes) -> Found:
    """Read a remote-write request: https://prometheus.io/docs/specs/prw/remote_write_spec/."""
    for field, one in _fields(_unsnapped(body)):
        if field != 1:
            continue
        parts = list(_fields(one))
        labels = {
            name.decode(): value.decode()
            for name, value in (
                tuple(text for _, text in _fields(label)) for number, label in parts if number == 1
            )
        }
        for sample in (sample for number, sample in parts if number == 2):
            name, unit = labels.get("__name__", ""), labels.get("juju_unit", "")
            yield unit, f"{name} {struct.unpack('<d', sample[1:9])[0]:g}"


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The nested messages and texts of a message: https://protobuf.dev/programming-guides/encoding/."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        if tag & 7 != 2:
            raise ValueError(f"a field of type {tag & 7}, where there is text or a message")
        length, at = _varint(message, at)
        yield tag >> 3, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number, and where it ends."""
    number = shift = 0
    while True:
        byte = message[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


def _unsnapped(packed: bytes) -> bytes:
    """Unpack snappy's block format: https://github.com/google/snappy/blob/main/format_description.txt."""
    size, at = _varint(packed, 0)
    if size > _LARGEST_BODY:
        raise ValueError("too much")
    unpacked = bytearray()
    while at < len(packed):
        tag, at = packed[at], at + 1
        kind, length = tag & 3, (tag >> 2) + 1
        if kind == 0:
            if length > 60:
                more = length - 60
                length, at = int.from_bytes(packed[at : at + more], "little") + 1, at + more
            unpacked += packed[at : at + length]
            at += length
            continue
        if kind == 1:
            offset, length, at = (tag >> 5) << 8 | packed[at], (tag >> 2 & 7) + 4, at + 1
        else:
            width = 2 if kind == 2 else 4
            offset, at = int.from_bytes(packed[at : at + width], "little"), at + width
        if not 0 < offset <= len(unpacked) or len(unpacked) > size:
            raise ValueError("a copy of what is not there")
        for _ in range(length):
            unpacked.append(unpacked[-offset])
    if len(unpacked) != size:
        raise ValueError("not as long as its header states")
    return bytes(unpacked)


_TAKEN: Mapping[str, tuple[str, Callable[[bytes], Found]]] = {
    LOKI_PATH: ("log line", log_lines),
    REMOTE_WRITE_PATH: ("pushed metric", series),
    OTLP_PATH: ("span", spans),
}


class RecorderHandler(BaseHTTPRequestHandler):
    """Receives telemetry, and shows the recorded data."""

    protocol_version = "HTTP/1.1"
    server: "RecorderServer"  # pyright: ignore[reportIncompatibleVariableOverride]  # no other server makes these

    def do_POST(self) -> None:
        """Accept telemetry of the kind in the path."""
        length = int(self.headers.get("Content-Length", 0))
        if length > _LARGEST_BODY:
            self.close_connection = True
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        body = self.rfile.read(length)
        if self.path not in _TAKEN:
            self._answer(HTTPStatus.NOT_FOUND)
            return
        kind, read = _TAKEN[self.path]
        try:
            found = list(read(body))
        except (ValueError, LookupError, TypeError, AttributeError, struct.error):
            self._answer(HTTPStatus.BAD_REQUEST)
            return
        self.server.recordings.add(kind, found)
        self._answer(HTTPStatus.OK, "{}")

    def do_GET(self) -> None:
        """Show the recorded data."""
        if self.path == "/recorded":
            self._answer(HTTPStatus.OK, self.server.recordings.as_json())
        else:
            self._answer(HTTPStatus.NOT_FOUND)

    def _answer(self, status: HTTPStatus, body: str = "") -> None:
        encoded = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Nothing."""


class RecorderServer(ThreadingHTTPServer):
    """Listens on one port."""

    daemon_threads = True

    def __init__(self, port: int, recordings: Recordings):
        self.recordings = recordings
        super().__init__(("", port), RecorderHandler)


# --- Data that it scrapes ---


def scrape_for_ever(targets: Path, recordings: Recordings) -> None:
    """Scrape all targets again and again; one that does not answer is tried again in the next round."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        time.sleep(_ROUND_SECONDS)
        listed: list[dict[str, Any]] = []
        with contextlib.suppress(ValueError):  # the file is being written
            listed = json.loads(targets.read_text())
        for target in listed:
            with (
                contextlib.suppress(OSError, http.client.HTTPException),
                opener.open(target["url"], timeout=_SCRAPE_SECONDS) as answer,
            ):
                lines = answer.read(_LARGEST_BODY).decode(errors="replace").splitlines()
                samples = [(target["unit"], line) for line in lines if line and not line.startswith("#")]
                recordings.add("scraped metric", samples)


def main() -> None:
    """Serve until the process is ended."""
    recordings = Recordings()
    servers = [RecorderServer(port, recordings) for port in PORTS]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    scrape_for_ever(Path(sys.argv[1]), recordings)


if __name__ == "__main__":
    main()
