"""Bodies of requests to Loki and to an OTLP receiver."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ._config import Labels
from ._trace import Trace
from ._version import VERSION


@dataclass(frozen=True)
class Payload:
    """The body of a request with the headers that describe it."""

    body: bytes
    headers: Labels


@dataclass(frozen=True)
class LogLine:
    """One line of the log."""

    time_ns: int
    level: str
    text: str


@dataclass(frozen=True)
class Span:
    """One piece of work in a trace."""

    trace: Trace
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


def otlp_traces(spans: Sequence[Span], labels: Labels) -> Payload:
    """Encode spans for OTLP/HTTP in JSON.

    https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
    """
    resource = {"service.name": labels.get("juju_application", "kv"), **labels}
    encoded = [
        {
            "traceId": span.trace.trace_id,
            "spanId": span.trace.span_id,
            "parentSpanId": span.trace.parent_id,
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
