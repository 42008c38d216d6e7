"""Telemetry through a real nginx, byte by byte."""

import contextlib
import dataclasses
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
import h2.config
import h2.connection
import h2.events
import pytest

from coordinated_workers.nginx import NginxConfig, NginxPlatform
from coordinated_workers.worker_telemetry import (
    ProxyServer,
    TelemetryBackends,
    WorkerTelemetryProxy,
    proxy_telemetry,
)
from tests.dataplane.dns_server import TestDNS
from tests.support.backends import RecordingBackend
from tests.support.certificates import certificate_and_key, server_context, write_certificate
from tests.support.grpc_backend import ClosingGrpcBackend, RecordingGrpcBackend
from tests.support.nginx_process import RealNginx, free_port, platform_of
from tests.support.sample_nginx import any_machine

OTLP = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
JAEGER = "/jaeger.api_v2.CollectorService/PostSpans"


@pytest.fixture
def dns():
    with TestDNS() as server:
        yield server


@pytest.fixture
def platform(tmp_path, monkeypatch, dns) -> NginxPlatform:
    platform = platform_of(tmp_path, resolver=dns.address)
    monkeypatch.setattr(NginxConfig, "platform", platform)
    return platform


@pytest.fixture
def backend():
    with RecordingBackend() as backend:
        yield backend


@pytest.fixture
def proxying(tmp_path, platform):
    """Start nginx with the routes for some workers and backends; gives the port it serves them at."""
    with contextlib.ExitStack() as running:

        def start(workers=None, *, worker_metrics_port=1, tls=False, **backends) -> WorkerTelemetryProxy:
            port = free_port()
            proxy = proxy_telemetry(
                workers or {},
                worker_metrics_port=worker_metrics_port,
                backends=TelemetryBackends(**backends),
                server=ProxyServer("localhost", port, tls),
                check_machine=any_machine,
            )
            assert not proxy.refused
            own = NginxConfig("coordinator", [], {}, worker_processes=1)
            running.enter_context(RealNginx(tmp_path, proxy.added_to(own).get_config({}, listen_tls=tls)))
            return proxy

        yield start


@dataclasses.dataclass
class Answer:
    status: int
    body: bytes


def ask(port: int, method: str, path: str, body: bytes = b"", tls: bool = False, **headers: str) -> Answer:
    if tls:
        context = ssl.create_default_context(cadata=certificate_and_key()[0].decode())
        connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=10)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read())


def push_by_http2(port: int, body: bytes, headers: list[tuple[str, str]]) -> str:
    """Push logs to the unit loki/0 with malicious headers, and return the status."""
    config = h2.config.H2Configuration(
        header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False
    )
    http2 = h2.connection.H2Connection(config)
    http2.initiate_connection()
    path = "/proxy/loki/loki-0/push"
    pseudo = [(":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", path)]
    http2.send_headers(1, [*pseudo, *headers])
    http2.send_data(1, body, end_stream=True)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(http2.data_to_send())
        while received := connection.recv(65536):
            for event in http2.receive_data(received):
                if isinstance(event, h2.events.ResponseReceived):
                    return dict(event.headers)[":status"]
    raise AssertionError("hung up without an answer")


def push_until(port: int, happened: Callable[[], object]) -> None:
    """Push logs to the unit loki/0 several times."""
    deadline = time.monotonic() + 15
    while not happened():
        assert time.monotonic() < deadline
        ask(port, "POST", "/proxy/loki/loki-0/push", b"logs")
        time.sleep(0.05)


def path_of(url: str) -> str:
    return "/" + url.split("/", 3)[3]


def send_raw(port: int, request: bytes) -> bytes:
    """Return the whole answer to bytes that may not be HTTP."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request)
        answer = b""
        with contextlib.suppress(TimeoutError, ConnectionError):
            connection.settimeout(0.5)
            while chunk := connection.recv(65536):
                answer += chunk
        return answer


# Allowed requests


def test_worker_is_scraped_by_way_of_coordinator(proxying, backend):
    backend.body = b"up 1\n" * 100_000
    proxy = proxying({"worker/0": "127.0.0.1"}, worker_metrics_port=backend.port)

    answer = ask(proxy.server.port, "GET", proxy.metrics_paths["worker/0"])

    assert answer == Answer(200, backend.body)
    [request] = backend.received
    assert (request.method, request.path) == ("GET", "/metrics")
    assert request.headers["host"] == f"127.0.0.1:{backend.port}"


def test_logs_reach_loki(proxying, backend):
    backend.status, backend.body = 204, b""
    proxy = proxying(loki={"loki/0": f"http://127.0.0.1:{backend.port}/loki/api/v1/push"})
    logs = b'{"streams": []}' * 50_000

    answer = ask(
        proxy.server.port,
        "POST",
        path_of(proxy.backends.loki["loki/0"]),
        logs,
        **{"Content-Type": "application/json"},
    )

    assert answer == Answer(204, b"")
    [request] = backend.received
    assert (request.method, request.path, request.body) == ("POST", "/loki/api/v1/push", logs)
    assert request.headers["content-type"] == "application/json"


def test_metrics_are_written_to_remote(proxying, backend):
    backend.status, backend.body = 400, b"out of order sample"
    proxy = proxying(remote_write=[f"http://127.0.0.1:{backend.port}/model-mimir/api/v1/push"])
    snappy = bytes(range(256)) * 5_000

    [url] = proxy.backends.remote_write
    answer = ask(proxy.server.port, "POST", path_of(url), snappy, **{"X-Scope-OrgID": "tenant"})

    assert answer == Answer(400, b"out of order sample")
    [request] = backend.received
    assert (request.path, request.body) == ("/model-mimir/api/v1/push", snappy)
    assert request.headers["x-scope-orgid"] == "tenant"


@pytest.mark.parametrize("kind", ["charm_tracing", "workload_tracing"])
def test_traces_reach_receiver_of_their_protocol(kind, proxying, backend):
    url = f"http://127.0.0.1:{backend.port}/base"
    proxy = proxying(**{kind: {"otlp_http": url}})
    proxied = getattr(proxy.backends, kind)["otlp_http"]

    # clients add the path of the protocol to a URL with or without a slash at its end
    answers = [
        ask(proxy.server.port, "POST", path_of(proxied) + "v1/traces", b"span 1"),
        ask(proxy.server.port, "POST", path_of(proxied) + "/v1/traces?a=b", b"span 2"),
    ]

    assert [answer.status for answer in answers] == [200, 200]
    assert [(request.path, request.body) for request in backend.received] == [
        ("/base/v1/traces", b"span 1"),
        ("/base/v1/traces?a=b", b"span 2"),
    ]


@pytest.mark.parametrize(("protocol", "method"), [("otlp_grpc", OTLP), ("jaeger_grpc", JAEGER)])
def test_traces_go_by_grpc(protocol, method, proxying):
    with RecordingGrpcBackend() as backend:
        proxy = proxying(workload_tracing={protocol: f"127.0.0.1:{backend.port}"})
        address = proxy.backends.workload_tracing[protocol]

        with grpc.insecure_channel(address) as channel:
            answer = channel.unary_unary(method)(b"span" * 100_000, timeout=10)

        assert answer == b"400000"
        assert backend.received == [(method, b"span" * 100_000)]


def test_grpc_clients_that_keep_path_of_url_are_served_too(proxying):
    with RecordingGrpcBackend() as backend:
        proxy = proxying(charm_tracing={"otlp_grpc": f"127.0.0.1:{backend.port}"})

        with grpc.insecure_channel(f"localhost:{proxy.server.port}") as channel:
            channel.unary_unary(f"/proxy/charm-tracing/otlp_grpc{OTLP}")(b"span", timeout=10)

        assert backend.received == [(OTLP, b"span")]


def test_grpc_goes_by_tls_at_both_ends(proxying, tmp_path):
    write_certificate(tmp_path)
    certificate, key = certificate_and_key()
    with RecordingGrpcBackend(grpc.ssl_server_credentials([(key, certificate)])) as backend:
        proxy = proxying(workload_tracing={"otlp_grpc": f"127.0.0.1:{backend.port}"}, tls=True)

        credentials = grpc.ssl_channel_credentials(certificate)
        with grpc.secure_channel(proxy.backends.workload_tracing["otlp_grpc"], credentials) as channel:
            channel.unary_unary(OTLP)(b"span", timeout=10)

        assert backend.received == [(OTLP, b"span")]


def test_http_goes_by_tls_at_both_ends(proxying, tmp_path):
    write_certificate(tmp_path)
    with RecordingBackend(tls=server_context(tmp_path)) as backend:
        proxy = proxying(
            {"worker/0": "127.0.0.1"},
            worker_metrics_port=backend.port,
            loki={"loki/0": f"https://127.0.0.1:{backend.port}/push"},
            tls=True,
        )

        assert ask(proxy.server.port, "GET", proxy.metrics_paths["worker/0"], tls=True).status == 200
        assert (
            ask(proxy.server.port, "POST", path_of(proxy.backends.loki["loki/0"]), b"logs", tls=True).status
            == 200
        )
        assert [request.path for request in backend.received] == ["/metrics", "/push"]


def test_backend_with_tls_gets_server_name(proxying, tmp_path, dns):
    """Behind an ingress, the host name decides which application answers."""
    names: list[str | None] = []
    write_certificate(tmp_path)
    context = server_context(tmp_path)
    context.sni_callback = lambda _, name, __: names.append(name)
    dns.hosts["loki.test"] = "127.0.0.1"
    with RecordingBackend(tls=context) as backend:
        proxy = proxying(loki={"loki/0": f"https://loki.test:{backend.port}/push"})

        push_until(proxy.server.port, lambda: backend.received)

        assert set(names) == {"loki.test"}
        assert backend.received[0].headers["host"] == f"loki.test:{backend.port}"


def test_backend_may_have_ipv6_address(proxying):
    with RecordingBackend("::1") as backend:
        proxy = proxying(loki={"loki/0": f"http://[::1]:{backend.port}/push"})

        assert ask(proxy.server.port, "POST", "/proxy/loki/loki-0/push", b"logs").status == 200
        assert backend.received[0].headers["host"] == f"[::1]:{backend.port}"


def test_connections_to_backends_are_kept(proxying, backend):
    proxy = proxying(
        {"worker/0": "127.0.0.1"},
        worker_metrics_port=backend.port,
        loki={"loki/0": f"http://127.0.0.1:{backend.port}/push"},
        charm_tracing={"otlp_http": f"http://127.0.0.1:{backend.port}"},
    )

    for _ in range(30):
        ask(proxy.server.port, "GET", "/proxy/worker/worker-0/metrics")
        ask(proxy.server.port, "POST", "/proxy/loki/loki-0/push", b"logs")
        ask(proxy.server.port, "POST", "/proxy/charm-tracing/otlp_http/v1/traces", b"spans")

    assert len(backend.received) == 90
    assert backend.connections == 3


def test_request_on_dropped_connection_is_repeated(proxying, dns):
    """Backends close idle connections, and one may be closing as the next push comes."""
    backend = DropsConnections()
    proxy = proxying(loki={"loki/0": f"http://127.0.0.1:{backend.port}/push"})

    answers = [ask(proxy.server.port, "POST", "/proxy/loki/loki-0/push", b"logs").status for _ in range(4)]

    assert answers == [200] * 4


def test_call_by_grpc_meets_no_connection_that_is_closing(proxying):
    """nginx does not repeat one, since it has passed it on while it arrived."""
    with ClosingGrpcBackend() as backend:
        proxy = proxying(workload_tracing={"otlp_grpc": f"127.0.0.1:{backend.port}"})
        with grpc.insecure_channel(proxy.backends.workload_tracing["otlp_grpc"]) as channel:
            answers = [channel.unary_unary(OTLP)(b"span", timeout=10) for _ in range(6)]

    assert answers == [b"ok"] * 6


# Denied requests


def test_backend_costs_only_its_own_route(proxying, backend):
    down = free_port()
    proxy = proxying(
        {"worker/0": "127.0.0.1", "worker/1": "gone.test"},
        worker_metrics_port=backend.port,
        loki={"loki/0": f"http://127.0.0.1:{down}/push", "loki/1": f"http://127.0.0.1:{backend.port}/push"},
        workload_tracing={"otlp_grpc": f"gone.test:{down}", "otlp_http": f"http://127.0.0.1:{backend.port}"},
    )

    started = time.monotonic()
    assert ask(proxy.server.port, "GET", proxy.metrics_paths["worker/1"]).status == 502
    assert ask(proxy.server.port, "POST", "/proxy/loki/loki-0/push", b"logs").status == 502
    channel = grpc.insecure_channel(proxy.backends.workload_tracing["otlp_grpc"])
    with channel, pytest.raises(grpc.RpcError) as failed:
        channel.unary_unary(OTLP)(b"span", timeout=10)
    assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
    assert time.monotonic() - started < 20

    assert ask(proxy.server.port, "GET", proxy.metrics_paths["worker/0"]).status == 200
    assert ask(proxy.server.port, "POST", "/proxy/loki/loki-1/push", b"logs").status == 200
    assert (
        ask(proxy.server.port, "POST", "/proxy/workload-tracing/otlp_http/v1/traces", b"spans").status == 200
    )


def test_backend_that_moves_is_followed(proxying, backend, dns):
    dns.hosts["loki.test"] = "127.0.0.1"
    with RecordingBackend("127.0.0.2", backend.port) as other:
        proxy = proxying(loki={"loki/0": f"http://loki.test:{backend.port}/push"})
        push_until(proxy.server.port, lambda: backend.received)
        assert backend.received[0].headers["host"] == f"loki.test:{backend.port}"

        dns.hosts["loki.test"] = "127.0.0.2"

        push_until(proxy.server.port, lambda: other.received)


def test_name_that_did_not_resolve_is_tried_again(proxying, backend, dns):
    proxy = proxying(loki={"loki/0": f"http://new.test:{backend.port}/push"})
    assert ask(proxy.server.port, "POST", "/proxy/loki/loki-0/push", b"logs").status == 502

    dns.hosts["new.test"] = "127.0.0.1"

    # nginx caches for ten seconds that there is no such name
    push_until(proxy.server.port, lambda: backend.received)


@pytest.mark.parametrize("is_up", [True, False], ids=["hangs up", "down"])
def test_token_in_path_of_backend_is_not_logged(is_up, proxying, tmp_path):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as backend:
        port = backend.getsockname()[1]
        if not is_up:
            backend.close()
        else:
            threading.Thread(target=hang_up, args=(backend,), daemon=True).start()
        url = f"http://127.0.0.1:{port}/t0ken"
        tracing = {"otlp_http": url}
        proxy = proxying(
            loki={"loki/0": url}, remote_write=[url], charm_tracing=tracing, workload_tracing=tracing
        )
        for sent_to in (*proxy.backends.loki.values(), *proxy.backends.remote_write):
            assert ask(proxy.server.port, "POST", path_of(sent_to), b"logs").status == 502
        for sent_to in (proxy.backends.charm_tracing, proxy.backends.workload_tracing):
            path = path_of(sent_to["otlp_http"])
            assert ask(proxy.server.port, "POST", f"{path}v1/traces", b"span").status == 502
    assert "/proxy/loki/loki-0/push" in logged(tmp_path)
    assert "t0ken" not in logged(tmp_path)


def logged(folder) -> str:
    """Return everything that nginx writes, in all files."""
    return "".join(path.read_text() for path in folder.iterdir() if path.suffix != ".conf" and path.is_file())


def hang_up(server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection:
                connection.recv(1 << 16)


def test_reload_forgets_no_address(tmp_path, platform, backend, dns):
    """The name server may be unavailable at that time."""
    dns.hosts["loki.test"] = "127.0.0.1"
    dns.ttl = 60  # no reload takes so long
    port = free_port()

    def config(*names: str) -> str:
        proxy = proxy_telemetry(
            {},
            worker_metrics_port=1,
            backends=TelemetryBackends(loki=dict.fromkeys(names, f"http://loki.test:{backend.port}/push")),
            server=ProxyServer("localhost", port, False),
        )
        return proxy.added_to(NginxConfig("coordinator", [], {}, worker_processes=1)).get_config(
            {}, listen_tls=False
        )

    with RealNginx(tmp_path, config("loki/0")) as nginx:
        push_until(port, lambda: backend.received)
        dns.hosts.clear()
        nginx.reload(config("loki/0", "loki/1"))

        assert ask(port, "POST", "/proxy/loki/loki-0/push", b"logs").status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/proxy/worker/worker-0/metrics"),
        ("DELETE", "/proxy/worker/worker-0/metrics"),
        ("GET", "/proxy/loki/loki-0/push"),
        ("PUT", "/proxy/loki/loki-0/push"),
        ("GET", "/proxy/charm-tracing/otlp_http/v1/traces"),
    ],
)
def test_only_method_of_protocol_is_allowed(method, path, proxying, backend):
    proxy = proxying(
        {"worker/0": "127.0.0.1"},
        worker_metrics_port=backend.port,
        loki={"loki/0": f"http://127.0.0.1:{backend.port}/push"},
        charm_tracing={"otlp_http": f"http://127.0.0.1:{backend.port}"},
    )

    assert ask(proxy.server.port, method, path, b"").status == 403
    assert backend.received == []


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/metrics",
        "/proxy/worker/worker-1/metrics",
        "/proxy/worker/worker-0/metrics/",
        "/proxy/worker/worker-0/admin",
        "/proxy/worker/worker-0/../../../admin",
        "/proxy/worker/worker-0/%2e%2e/worker-1/metrics",
        "/proxy/worker/http://loki.test/metrics",
        "/proxy/workload-tracing/otlp_http/v1/traces",
        "/proxy/charm-tracing/zipkin/",
        "/proxy/charm-tracing/otlp_http/../../../admin",
        "/proxy/charm-tracing/otlp_http/..%2f..%2fadmin",
        "http://loki.test/",
        "http://loki.test/proxy/worker/worker-1/metrics",
    ],
)
def test_anything_else_is_unreachable(target, proxying, backend):
    proxy = proxying(
        {"worker/0": "127.0.0.1"},
        worker_metrics_port=backend.port,
        charm_tracing={"otlp_http": f"http://127.0.0.1:{backend.port}"},
    )

    for method in ("GET", "POST"):
        request = (
            f"{method} {target} HTTP/1.1\r\nHost: loki.test\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        )
        assert send_raw(proxy.server.port, request.encode()).startswith(b"HTTP/1.1 404")
    assert backend.received == []


def test_a_tunnel_is_refused(proxying, backend):
    proxy = proxying({"worker/0": "127.0.0.1"}, worker_metrics_port=backend.port)

    request = f"CONNECT 127.0.0.1:{backend.port} HTTP/1.1\r\nHost: worker.test\r\n\r\n"

    assert send_raw(proxy.server.port, request.encode()).split()[1] in (b"400", b"405")
    assert backend.received == []


@pytest.mark.parametrize(
    ("suffix", "arrives"),
    [
        ("v1/%2e%2e/%2e%2e/admin", None),
        ("%252e%252e/admin", "/base/%252e%252e/admin"),
        ("v1/x%0d%0aX-Evil:%201", "/base/v1/x%0D%0AX-Evil:%201"),
        ("v1/%00", None),
        ("v1/./traces", "/base/v1/traces"),
        ("@loki.test/", "/base/@loki.test/"),
    ],
)
def test_the_rest_of_path_stays_below_receivers_own(suffix, arrives, proxying, backend):
    proxy = proxying(charm_tracing={"otlp_http": f"http://127.0.0.1:{backend.port}/base"})

    target = f"/proxy/charm-tracing/otlp_http/{suffix}"
    send_raw(
        proxy.server.port,
        f"POST {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode(),
    )

    assert [request.path for request in backend.received] == ([arrives] if arrives else [])
    assert all("x-evil" not in request.headers for request in backend.received)


SMUGGLED = b"GET /admin HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 5\r\nContent-Length: 40\r\n",
        b"Content-Length: +5\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    ],
)
def test_request_cannot_carry_another_one(framing, proxying, backend):
    proxy = proxying(loki={"loki/0": f"http://127.0.0.1:{backend.port}/push"})

    send_raw(
        proxy.server.port,
        b"POST /proxy/loki/loki-0/push HTTP/1.1\r\nHost: x\r\n" + framing + b"\r\n0\r\n\r\n" + SMUGGLED,
    )

    assert "/admin" not in [request.path for request in backend.received]
    # and the next request on the kept connection is not read as the rest of it
    assert ask(proxy.server.port, "POST", "/proxy/loki/loki-0/push", b"logs").status == 200
    assert backend.received[-1].body == b"logs"


@pytest.mark.parametrize(
    "headers",
    [
        [("transfer-encoding", "chunked")],
        [("content-length", "5")],
        [("content-length", "500")],
        [("x", "y\r\nTransfer-Encoding: chunked")],
        [("x: y\r\nTransfer-Encoding", "chunked")],
        [("connection", "upgrade"), ("upgrade", "h2c")],
    ],
)
def test_http2_request_cannot_carry_another_one(headers, proxying, backend):
    with RecordingGrpcBackend() as traces:
        # because of a gRPC receiver the port supports HTTP/2
        proxy = proxying(
            loki={"loki/0": f"http://127.0.0.1:{backend.port}/push"},
            workload_tracing={"otlp_grpc": f"127.0.0.1:{traces.port}"},
        )

        assert push_by_http2(proxy.server.port, b"logs", []) == "200"
        assert push_by_http2(proxy.server.port, b"0\r\n\r\n" + SMUGGLED, headers) == "400"

        assert [request.body for request in backend.received] == [b"logs"]


def test_client_headers_do_not_reach_backend_connection(proxying, backend):
    proxy = proxying(loki={"loki/0": f"http://127.0.0.1:{backend.port}/push"})

    ask(
        proxy.server.port,
        "POST",
        "/proxy/loki/loki-0/push",
        b"logs",
        Connection="Upgrade, HTTP2-Settings, X-Scope-OrgID",
        Upgrade="h2c",
        **{"X-Scope-OrgID": "tenant"},
    )

    [request] = backend.received
    assert "upgrade" not in request.headers
    assert "connection" not in request.headers
    assert request.headers["x-scope-orgid"] == "tenant"


def test_body_that_no_backend_would_take_is_refused(proxying, backend):
    proxy = proxying(loki={"loki/0": f"http://127.0.0.1:{backend.port}/push"})

    request = b"POST /proxy/loki/loki-0/push HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"

    assert send_raw(proxy.server.port, request).startswith(b"HTTP/1.1 413")
    assert backend.received == []


def test_slow_backend_does_not_delay_others(proxying, backend):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        proxy = proxying(
            loki={
                "slow/0": f"http://127.0.0.1:{silent.getsockname()[1]}/push",
                "loki/0": f"http://127.0.0.1:{backend.port}/push",
            }
        )
        with ThreadPoolExecutor(8) as pool:
            waiting = [socket.create_connection(("127.0.0.1", proxy.server.port)) for _ in range(8)]
            for connection in waiting:
                connection.sendall(
                    b"POST /proxy/loki/slow-0/push HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"
                )
            answers = list(
                pool.map(
                    lambda _: ask(proxy.server.port, "POST", "/proxy/loki/loki-0/push", b"logs").status,
                    range(16),
                )
            )
            for connection in waiting:
                connection.close()
        assert answers == [200] * 16


class DropsConnections:
    """A backend that answers one request for each connection, and closes it at the next one."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._answer_once, args=(connection,), daemon=True).start()

    @staticmethod
    def _answer_once(connection: socket.socket):
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            connection.recv(65536)
