import http.client
import itertools
import json
import time

import pytest

from tests.support.workload_process import HOST, IDENTITY, free_port
from tests.unit.workload.backends import Backend, Received
from tests.unit.workload.remote_write import series

FAST = {"flush_seconds": 0.05, "sample_seconds": 0.1}
LABELS = {name.lower(): value for name, value in IDENTITY.items()}
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"


def streams(received: list[Received]) -> list[dict]:
    return list(itertools.chain.from_iterable(json.loads(push.body)["streams"] for push in received))


def log_lines(received: list[Received]) -> list[dict]:
    values = itertools.chain.from_iterable(stream["values"] for stream in streams(received))
    return [json.loads(line) for _, line in values]


def spans(received: list[Received]) -> list[dict]:
    found: list[dict] = []
    for export in received:
        for resource in json.loads(export.body)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                found += scope["spans"]
    return found


def attributes(thing: dict) -> dict[str, str]:
    return {entry["key"]: entry["value"]["stringValue"] for entry in thing["attributes"]}


def test_metrics_count_requests_and_durations(start):
    store = start("store")
    api = start("api", stores=[store.url])
    api.put("a", b"1")
    api.get("a")
    api.get("b")
    api.request("GET", "/kv/%00")
    assert api.metric("kv_requests_total", role="api", method="PUT", status="201") == 1
    assert api.metric("kv_requests_total", role="api", method="GET", status="404") == 1
    assert api.metric("kv_requests_total", role="api", method="GET", status="400") == 1
    assert store.metric("kv_requests_total", role="store", method="GET") == 2
    assert api.metric("kv_request_duration_seconds_count", method="GET") == 3
    assert api.metric("kv_request_duration_seconds_bucket", method="GET", le="+Inf") == 3
    assert 0 < api.metric("kv_request_duration_seconds_sum", method="GET") < 3
    assert store.metric("kv_keys") == 1


def test_process_metrics(start):
    before = time.time()
    store = start("store")
    assert store.metric("process_resident_memory_bytes") > 1024 * 1024
    assert before - 1 < store.metric("process_start_time_seconds") < time.time()


def test_histograms_buckets_count_up(start):
    store = start("store")
    for number in range(5):
        store.request("PUT", f"/store/{number}", b"1")
    buckets = [
        value
        for (name, labels), value in store.metrics().items()
        if name == "kv_request_duration_seconds_bucket" and ("method", "PUT") in labels
    ]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 5


def test_every_request_is_line_in_loki(start, backend):
    store = start("store", telemetry={**FAST, "loki": [f"{backend.url}/loki/api/v1/push"]})
    store.request("PUT", "/store/colour", b"red")
    (push,) = backend.wait_for(lambda received: len(received) == 1)
    assert push.path == "/loki/api/v1/push"
    assert push.headers["content-type"] == "application/json"
    (stream,) = streams([push])
    assert stream["stream"] == {**LABELS, "level": "info"}
    ((time_ns, _),) = stream["values"]
    assert len(time_ns) == 19
    (line,) = log_lines([push])
    assert (line["role"], line["method"], line["route"], line["status"]) == (
        "store",
        "PUT",
        "/store/{key}",
        201,
    )


def test_request_is_logged_once(start, backend):
    told_to_loki = start("store", telemetry={**FAST, "loki": [backend.url]})
    told_here = start("store")
    for store in (told_to_loki, told_here):
        store.request("PUT", "/store/k", b"v")
    backend.wait_for(lambda received: len(received) == 1)
    assert '"route"' not in told_to_loki.output
    assert '"route": "/store/{key}"' in told_here.output
    assert "serving store" in told_to_loki.output


def test_metrics_are_written_to_prometheus_again_and_again(start, backend):
    store = start("store", telemetry={**FAST, "remote_write": [f"{backend.url}/api/v1/write"]})
    store.request("PUT", "/store/k", b"v")
    received = backend.wait_for(lambda received: len(received) >= 3)
    write = received[-1]
    assert write.path == "/api/v1/write"
    assert write.headers["content-type"] == "application/x-protobuf"
    assert write.headers["content-encoding"] == "snappy"
    assert write.headers["x-prometheus-remote-write-version"] == "0.1.0"
    written = series(write.body)
    labels = {**LABELS, "__name__": "kv_keys"}
    ((value, time_ms),) = written[tuple(sorted(labels.items()))]
    assert value == 1
    assert len(str(time_ms)) == 13
    assert all(list(found) == sorted(found) for found in written), "labels are in order"


def test_metrics_are_written_from_start_on(start, backend):
    start("store", telemetry={"remote_write": [f"{backend.url}/write"], "sample_seconds": 60})
    (write,) = backend.wait_for(lambda received: len(received) == 1)
    (keys,) = [samples for labels, samples in series(write.body).items() if ("__name__", "kv_keys") in labels]
    assert [value for value, _ in keys] == [0]


def test_span_continues_callers_trace(start, backend):
    telemetry = {**FAST, "otlp_http": f"{backend.url}/proxy/workload-tracing/otlp_http/"}
    store = start("store", telemetry=telemetry)
    api = start("api", stores=[store.url], telemetry=telemetry)
    api.request("PUT", "/kv/k", b"v", {"traceparent": f"00-{TRACE_ID}-{CALLER}-01"})
    received = backend.wait_for(lambda received: len(spans(received)) == 3)
    assert {export.path for export in received} == {"/proxy/workload-tracing/otlp_http/v1/traces"}
    assert {export.headers["content-type"] for export in received} == {"application/json"}
    by_name = {span["name"]: span for span in spans(received)}
    outer, call, inner = (
        by_name[name] for name in ("PUT /kv/{key}", f"PUT {store.address}", "PUT /store/{key}")
    )
    assert {span["traceId"] for span in (outer, call, inner)} == {TRACE_ID}
    assert outer["parentSpanId"] == CALLER
    assert call["parentSpanId"] == outer["spanId"]
    assert inner["parentSpanId"] == call["spanId"]
    assert [span["kind"] for span in (outer, call, inner)] == [2, 3, 2]
    assert int(outer["startTimeUnixNano"]) <= int(inner["startTimeUnixNano"]) <= int(inner["endTimeUnixNano"])
    assert attributes(inner)["http.response.status_code"] == "201"
    resource = json.loads(received[0].body)["resourceSpans"][0]["resource"]
    assert attributes(resource) == {**LABELS, "service.name": "worker"}


def test_failed_request_is_failed_span(start, backend):
    api = start("api", stores=[], telemetry={**FAST, "otlp_http": backend.url})
    api.get("k")
    received = backend.wait_for(lambda received: len(spans(received)) == 1)
    assert spans(received)[0]["status"] == {"code": 2}


@pytest.mark.parametrize(
    "header", ["", "nonsense", f"00-{'0' * 32}-{CALLER}-01", f"00-{TRACE_ID}-{'0' * 16}-01"]
)
def test_trace_that_cannot_be_read_is_begun_anew(start, backend, header):
    store = start("store", telemetry={**FAST, "otlp_http": backend.url})
    store.request("GET", "/store/k", headers={"traceparent": header})
    (span,) = spans(backend.wait_for(lambda received: len(spans(received)) == 1))
    assert span["traceId"] not in (TRACE_ID, "0" * 32)
    assert span["parentSpanId"] == ""


def test_trace_that_caller_does_not_record_is_not_recorded(start, backend):
    store = start("store", telemetry={**FAST, "otlp_http": backend.url})
    store.request("GET", "/store/quiet", headers={"traceparent": f"00-{TRACE_ID}-{CALLER}-00"})
    store.request("GET", "/store/told")
    (span,) = spans(backend.wait_for(lambda received: len(spans(received)) == 1))
    assert span["traceId"] != TRACE_ID


def test_no_key_and_no_value_is_in_any_telemetry(start, backend):
    telemetry = {
        **FAST,
        "loki": [f"{backend.url}/loki"],
        "remote_write": [f"{backend.url}/write"],
        "otlp_http": f"{backend.url}/otlp",
    }
    store = start("store", telemetry=telemetry)
    store.request("PUT", "/store/the-users-own", b"private")
    store.stop()
    paths = {"/loki", "/write", "/otlp/v1/traces"}
    received = backend.wait_for(lambda received: {sent.path for sent in received} == paths)
    assert not [sent for sent in received if b"the-users-own" in sent.body or b"private" in sent.body]
    assert "the-users-own" not in store.output


def test_backend_that_was_down_gets_everything_later(start):
    port = free_port()
    store = start("store", telemetry={**FAST, "loki": [f"http://{HOST}:{port}/push"]})
    for number in range(20):
        assert store.request("PUT", f"/store/{number}", b"1").status == 201
    store.wait_for_output(f"loki at {HOST} accepts no telemetry")
    late = Backend(port)
    try:
        received = late.wait_for(lambda received: len(log_lines(received)) == 20)
        store.wait_for_output("accepts telemetry again")
    finally:
        late.close()
    assert len(log_lines(received)) == 20
    assert store.metric("kv_telemetry_sent_total", backend="loki") == 20
    assert store.metric("kv_telemetry_dropped_total") == 0
    assert store.output.count(f"loki at {HOST} accepts no telemetry") == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_backend_cannot_take_now_is_sent_again(start, backend, status):
    backend.status = status
    store = start("store", telemetry={**FAST, "loki": [backend.url]})
    store.request("PUT", "/store/k", b"v")
    backend.wait_for(lambda received: len(received) == 1)
    backend.status = 204
    first, second = backend.wait_for(lambda received: len(received) == 2)
    assert first.body == second.body
    assert store.metric("kv_telemetry_dropped_total") == 0


def test_overloaded_backend_is_retried_less_often(start, backend):
    backend.status = 503
    store = start("store", telemetry={**FAST, "loki": [backend.url]})
    store.request("PUT", "/store/k", b"v")
    received = backend.wait_for(lambda received: len(received) == 3)
    first, second = (later.time - earlier.time for earlier, later in itertools.pairwise(received))
    assert first >= 0.25
    assert second >= 0.5


@pytest.mark.parametrize("status", [302, 400, 404])
def test_what_backend_will_never_take_is_dropped_and_counted(start, backend, status):
    backend.status = status
    store = start("store", telemetry={**FAST, "loki": [backend.url]})
    store.request("PUT", "/store/k", b"v")
    backend.wait_for(lambda received: len(received) == 1)
    backend.status = 204
    store.request("PUT", "/store/k", b"v")
    received = backend.wait_for(lambda received: len(received) == 2)
    assert [len(log_lines([push])) for push in received] == [1, 1]
    assert {push.path for push in received} == {"/"}
    assert store.metric("kv_telemetry_dropped_total", backend="loki", reason="refused") == 1


def test_buffer_for_backend_that_stays_down_has_end(start):
    store = start("store", telemetry={**FAST, "otlp_http": f"http://{HOST}:{free_port()}"})
    connection = http.client.HTTPConnection(HOST, store.port)
    for _ in range(4200):
        connection.request("GET", "/store/k")
        connection.getresponse().read()
    connection.close()
    assert store.metric("kv_telemetry_dropped_total", backend="otlp", reason="full") == 4200 - 4096


def test_backends_of_one_kind_do_not_hold_each_other_up(start, backend):
    down = f"http://{HOST}:{free_port()}"
    store = start("store", telemetry={**FAST, "loki": [down, backend.url]})
    store.request("PUT", "/store/k", b"v")
    backend.wait_for(lambda received: len(log_lines(received)) == 1)
