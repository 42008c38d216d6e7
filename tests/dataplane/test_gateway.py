"""Requests that a gateway passes to workers, and resources that a worker cannot take from others."""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import grpc
import pytest

from coordinated_workers.nginx import NginxConfig, NginxLocationConfig, NginxUpstream, is_rejected
from k8s_charm import Deadline
from tests.dataplane.dns_server import TestDNS
from tests.support.backends import RecordingBackend
from tests.support.certificates import write_certificate
from tests.support.grpc_backend import GRPC_WITHOUT_LIMITS, ClosingGrpcBackend, RecordingGrpcBackend
from tests.support.nginx_process import RealNginx, free_port, platform_of

EVERYTHING = NginxLocationConfig("/", backend="api")
CALLS = NginxLocationConfig("/", backend="api", is_grpc=True)
SEARCH = ("shop.svc.cluster.local", "svc.cluster.local", "cluster.local")


class RawBackend:
    """Answers each connection with the result of `answer` for the request's head, and closes it."""

    def __init__(
        self, answer: Callable[[bytes, socket.socket], None], address: str = "127.0.0.1", port: int = 0
    ):
        self.heads: list[bytes] = []
        self._answer = answer
        self._socket = socket.create_server((address, port))
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> "RawBackend":
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                head = b""
                while b"\r\n\r\n" not in head and (received := connection.recv(4096)):
                    head += received
                self.heads.append(head)
                self._answer(head, connection)


def upgrade(head: bytes, connection: socket.socket) -> None:
    if b"upgrade: websocket" not in head.lower():
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        return
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    )
    connection.sendall(connection.recv(4096).upper())


def answer_and_close(_: bytes, connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def answer_once(head: bytes, connection: socket.socket) -> None:
    """Close only when nginx closes, or sends another request."""
    answer_and_close(head, connection)
    connection.recv(4096)


@pytest.fixture
def serve(tmp_path, monkeypatch) -> Iterator[Callable[..., int]]:
    """Starts nginx before workers of the role `api`, by their hosts; gives the port."""
    with contextlib.ExitStack() as running:

        def start(api_port: int, *hosts: str, resolver: str = "127.0.0.1", search=SEARCH, **options) -> int:
            platform = replace(platform_of(tmp_path, resolver=resolver), search=search)
            monkeypatch.setattr(NginxConfig, "platform", platform)
            port = free_port()
            text = config(port, api_port, **options).get_config({"api": set(hosts)}, listen_tls=False)
            running.enter_context(RealNginx(tmp_path, text))
            return port

        yield start


def config(port: int, api_port: int, location=EVERYTHING, **options) -> NginxConfig:
    upstreams = [NginxUpstream("api", api_port, "api")]
    return NginxConfig("coordinator", upstreams, {port: [location]}, worker_processes=1, **options)


def send(port: int, head: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    connection.sendall(head.encode())
    return connection


def read_until(connection: socket.socket, text: bytes) -> None:
    received = b""
    while text not in received:
        chunk = connection.recv(4096)
        assert chunk, received
        received += chunk


def stream(port: int, pieces: Iterator[bytes], **options) -> bytes:
    """Send a stream of messages by gRPC, and return the answer."""
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=GRPC_WITHOUT_LIMITS) as channel:
        return channel.stream_unary("/a.B/C")(pieces, timeout=20, **options)


def status_of(
    port: int, method: str = "GET", path: str = "/", body: bytes | Iterator[bytes] | None = None, timeout=10
) -> int:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)) as connection:
        connection.request(method, path, body)
        return connection.getresponse().status


def wait_for(happens: Callable[[], bool]) -> None:
    """Wait until nginx has looked up the names."""
    until = time.monotonic() + 10
    while not happens():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize(
    "location",
    [
        EVERYTHING,
        NginxLocationConfig("/tail", backend="api", modifier="="),
        NginxLocationConfig("^/t", backend="api", modifier="~"),
        NginxLocationConfig("/", backend="api", backend_url="/v1/tail"),
        NginxLocationConfig("/", backend="api", rewrite=["^/(.*)$", "/v1/$1", "break"]),
    ],
    ids=["default", "exact", "expression", "path of backend", "rewritten"],
)
def test_a_websocket_is_passed_on(serve, location):
    with RawBackend(upgrade) as backend:
        port = serve(backend.port, "127.0.0.1", location=location)
        head = "GET /tail HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        with send(port, head) as connection:
            assert connection.recv(4096).startswith(b"HTTP/1.1 101 ")
            connection.sendall(b"hello")
            assert connection.recv(4096) == b"HELLO"


@pytest.mark.parametrize("protocol", ["h2c", "h2c, websocket", "websocket2"])
def test_no_other_protocol_is(serve, protocol):
    with RecordingBackend() as backend:
        port = serve(backend.port, "127.0.0.1")
        head = f"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: {protocol}\r\nConnection: Upgrade, close\r\n\r\n"
        with send(port, head) as connection:
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        (request,) = backend.received
    assert "upgrade" not in request.headers


def test_large_body_and_long_query_are_passed_on(serve):
    with RecordingBackend() as backend:
        port = serve(backend.port, "127.0.0.1")
        assert status_of(port, "POST", "/push", b"x" * 20_000_000) == 200
        assert status_of(port, "GET", f"/query?q={'x' * 30_000}") == 200


def test_limit_is_charms_to_set(serve):
    with RecordingBackend() as backend:
        port = serve(backend.port, "127.0.0.1", client_max_body_size="1k")
        assert status_of(port, "POST", "/push", b"x" * 2000) == 413


@pytest.mark.parametrize("chunked", [False, True])
def test_body_of_any_framing_up_to_its_limit(serve, chunked):
    with RecordingBackend() as backend:
        port = serve(backend.port, "127.0.0.1", client_max_body_size="3m")
        for megabytes, status in ((2, 200), (4, 413)):
            pieces = iter([b"x" * 1_000_000] * megabytes)
            body = pieces if chunked else b"".join(pieces)
            assert status_of(port, "POST", "/push", body) == status


@pytest.mark.parametrize("size", [7_000, 20_000, 60_000])
def test_long_token_either_way(serve, size):
    with RecordingBackend() as backend:
        backend.headers = {"Set-Cookie": "x" * size}
        port = serve(backend.port, "127.0.0.1")
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            connection.request("GET", "/", headers={"Authorization": "x" * size})
            answer = connection.getresponse()
            assert (answer.status, len(answer.headers["Set-Cookie"])) == (200, size)
        assert len(backend.received[0].headers["authorization"]) == size


@pytest.mark.parametrize(
    ("head", "piece"),
    [("Transfer-Encoding: chunked", b"4\r\nlog1\r\n"), ("Content-Length: 99", b"log1"), ("X-Y: z", b"log1")],
    ids=["chunks", "length", "until closed"],
)
def test_answer_arrives_while_it_is_written(serve, head, piece):
    def begin(_: bytes, connection: socket.socket) -> None:
        connection.sendall(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + piece)
        connection.recv(1)  # until nginx closes

    with RawBackend(begin) as backend:
        port = serve(backend.port, "127.0.0.1")
        with send(port, "GET /tail HTTP/1.1\r\nHost: x\r\n\r\n") as connection:
            read_until(connection, b"log1")


@pytest.mark.parametrize(
    "header", ["X-Accel-Redirect: /status", "X-Accel-Limit-Rate: 1", "X-Accel-Buffering: yes"]
)
def test_worker_gives_no_orders_to_nginx(serve, header):
    def answer(_: bytes, connection: socket.socket) -> None:
        connection.sendall(f"HTTP/1.1 200 OK\r\n{header}\r\n\r\nfirst".encode())
        connection.recv(1)  # until nginx closes

    with RawBackend(answer) as backend:
        port = serve(backend.port, "127.0.0.1")
        with send(port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") as connection:
            read_until(connection, b"first")


class TestGrpc:
    def test_stream_may_be_of_any_length(self, serve):
        with RecordingGrpcBackend() as backend:
            port = serve(backend.port, "127.0.0.1", location=CALLS)
            pieces = iter([b"x" * 4_000_000] * 30)
            assert stream(port, pieces) == b"120000000"

    def test_call_meets_no_connection_that_is_closing(self, serve):
        with ClosingGrpcBackend() as backend:
            port = serve(backend.port, "127.0.0.1", location=CALLS)
            assert [stream(port, iter([b"x"])) for _ in range(6)] == [b"ok"] * 6

    @pytest.mark.parametrize("size", [7_000, 20_000, 60_000])
    def test_long_metadata(self, serve, size):
        with RecordingGrpcBackend(metadata=[("note", "x" * size)]) as backend:
            port = serve(backend.port, "127.0.0.1", location=CALLS)
            assert stream(port, iter([b"x"]), metadata=[("authorization", "x" * size)]) == b"1"


def test_slow_worker_leaves_users_to_others_of_its_role(serve):
    """It leaves as many requests unanswered as the others have at once."""
    with RecordingBackend() as backend, socket.create_server(("127.0.0.2", backend.port)):
        port = serve(backend.port, "127.0.0.1", "127.0.0.2")
        statuses: list[int] = []

        def use() -> None:
            with contextlib.suppress(TimeoutError):
                statuses.extend(status_of(port, timeout=3) for _ in range(10))

        clients = [threading.Thread(target=use) for _ in range(8)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    assert len(statuses) >= 30


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("answer", [answer_and_close, answer_once])
def test_no_request_meets_connection_that_its_worker_closes(serve, answer, method):
    with RawBackend(answer) as backend:
        port = serve(backend.port, "127.0.0.1")
        assert {status_of(port, method, "/push") for _ in range(12)} == {200}
        assert len(backend.heads) == 12


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_no_repeatable_request_meets_closing_connection(tmp_path, monkeypatch, method):
    monkeypatch.setattr(NginxConfig, "platform", platform_of(tmp_path))
    port = free_port()
    with RawBackend(answer_once) as backend:
        upstreams = [NginxUpstream("api", backend.port, "api", keepalive=True)]
        kept = NginxConfig("coordinator", upstreams, {port: [EVERYTHING]}, worker_processes=1)
        with RealNginx(tmp_path, kept.get_config({"api": {"127.0.0.1"}}, listen_tls=False)):
            assert {status_of(port, method, "/push") for _ in range(12)} == {200}


def hang_up(_: bytes, connection: socket.socket) -> None:
    """Answer nothing: whether the request was carried out is not known."""


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_request_that_must_not_arrive_twice_does_not(serve, method):
    with RawBackend(hang_up) as backend, RawBackend(hang_up, "127.0.0.2", backend.port) as other:
        port = serve(backend.port, "127.0.0.1", "127.0.0.2")
        assert status_of(port, method, "/push") == 502
        assert len(backend.heads) + len(other.heads) == 1


@pytest.mark.parametrize(
    "host",
    [
        "many.example.com",
        "b-0.b-endpoints.shop.svc.example.com",
        "b-0.b-endpoints.shop.svc.cluster.local.example.com",
    ],
)
@pytest.mark.parametrize("addresses", [80, 200])
def test_many_addresses_cost_others_no_memory(serve, tmp_path, addresses, host):
    many = " ".join(f"127.1.{number // 200}.{number % 200 + 1}" for number in range(addresses))
    good = "a-0.a-endpoints.shop.svc.cluster.local"
    with RecordingBackend() as backend, TestDNS(**{host: many, good: "127.0.0.1"}) as dns:
        port = serve(backend.port, host, good, resolver=dns.address)
        wait_for(lambda: status_of(port) == 200 and bool(dns.requested[host]))
        assert {status_of(port) for _ in range(3)} == {200}
    assert "memory" not in (tmp_path / "stderr").read_text()


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("api.cos", "api.cos.svc.cluster.local"),
        ("api.cos", "api.cos.corp.test"),
        ("api.test", "api.test"),
        ("api", "api.shop.svc.cluster.local"),
        ("api", "api.corp.test"),
        ("api-0.api", "api-0.api.shop.svc.cluster.local"),
        ("api-0.api", "api-0.api.svc.cluster.local"),
        ("api-0.api.cos", "api-0.api.cos.svc.cluster.local"),
        ("api-0.example.test", "api-0.example.test"),
        ("api-0.api-endpoints", "api-0.api-endpoints.shop.svc.cluster.local"),
        ("api-0.api-endpoints.cos", "api-0.api-endpoints.cos.svc.cluster.local"),
        ("api-0.api-endpoints.cos.svc.other.test", "api-0.api-endpoints.cos.svc.other.test"),
        ("127-0-0-1.cos.pod", "127-0-0-1.cos.pod.cluster.local"),
        ("API.Cos.SVC", "api.cos.svc.cluster.local"),
    ],
)
def test_short_name_leads_where_programs_find_it(serve, host, known):
    with RecordingBackend() as backend, TestDNS(**{known: "127.0.0.1"}) as dns:
        port = serve(backend.port, host, resolver=dns.address, search=(*SEARCH, "corp.test"))
        wait_for(lambda: status_of(port) == 200)


def silent(_: socket.socket) -> None:
    """Answer nothing."""


def greeting(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-other\r\n")


@contextlib.contextmanager
def other_program(answer: Callable[[socket.socket], None] | None) -> Iterator[int]:
    """Listen on a port, and close each connection, or pass it to `answer`; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as kept:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    if answer:
                        answer(kept.enter_context(connection))
                    else:
                        connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


class TestRejected:
    @pytest.fixture(autouse=True)
    def platform(self, tmp_path, monkeypatch):
        monkeypatch.setattr(NginxConfig, "platform", platform_of(tmp_path))
        write_certificate(tmp_path)

    def text(self, *ports: int, tls: bool = False, location=EVERYTHING) -> str:
        servers = {port: [location] for port in ports}
        both = replace(config(1, 1), server_ports_to_locations=servers)
        return both.get_config({"api": {"127.0.0.1"}}, listen_tls=tls)

    def is_rejected(self, tmp_path, before: str, after: str) -> bool:
        with RealNginx(tmp_path, before) as nginx:
            nginx.ask_to_reload(after)
            return is_rejected(after, Deadline(1), before)

    def test_configuration_that_is_loaded_is_not(self, tmp_path):
        assert not self.is_rejected(tmp_path, self.text(free_port()), self.text(free_port()))

    @pytest.mark.parametrize("tls", [False, True])
    def test_change_of_tls_that_is_loaded_is_not(self, tmp_path, tls):
        port = free_port()
        assert not self.is_rejected(tmp_path, self.text(port, tls=not tls), self.text(port, tls=tls))

    def test_port_of_another_server_is_noticed(self, tmp_path):
        with RecordingBackend() as other:
            assert self.is_rejected(tmp_path, self.text(free_port()), self.text(other.port))

    @pytest.mark.parametrize("answer", [silent, greeting, None], ids=["silent", "greeting", "closing"])
    @pytest.mark.parametrize("tls", [False, True])
    def test_port_of_any_program_is_noticed(self, tmp_path, answer, tls):
        with other_program(answer) as port:
            assert self.is_rejected(tmp_path, self.text(free_port()), self.text(port, tls=tls))

    @pytest.mark.parametrize(("was_tls", "tls"), [(False, False), (False, True), (True, False)])
    def test_the_old_configuration_on_the_same_port_is_noticed(self, tmp_path, was_tls, tls):
        port = free_port()
        with RecordingBackend() as other:
            before, after = self.text(port, tls=was_tls), self.text(port, other.port, tls=tls)
            assert self.is_rejected(tmp_path, before, after)

    def test_the_old_configuration_on_another_port_is_noticed(self, tmp_path):
        missing = replace(EVERYTHING, extra_directives={"include": ["/no/such/file"]})
        after = self.text(free_port(), location=missing)
        assert self.is_rejected(tmp_path, self.text(free_port()), after)

    def test_missing_key_is_noticed(self, tmp_path):
        (tmp_path / "server.key").unlink()
        port = free_port()
        assert self.is_rejected(tmp_path, self.text(port), self.text(port, tls=True))

    def test_where_nothing_listens_nothing_is_known(self):
        assert not is_rejected(self.text(free_port()), Deadline(), self.text(free_port()))
