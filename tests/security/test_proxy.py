"""A real nginx of the coordinator, and malicious clients."""

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from coordinated_workers.nginx import NginxConfig, NginxLocationConfig, NginxUpstream
from coordinated_workers.worker_telemetry import TelemetryBackends
from tests.security.raw_http import send, status
from tests.support.backends import RecordingBackend
from tests.support.charms import load_charm
from tests.support.grpc_backend import GRPC_WITHOUT_LIMITS, RecordingGrpcBackend
from tests.support.nginx_process import RealNginx, free_port, platform_of
from tests.support.sample_nginx import proxy_at

MEGABYTE = 1_000_000
TELEMETRY = "/proxy/loki/loki-0/push"


@pytest.fixture
def backend() -> Iterator[RecordingBackend]:
    with RecordingBackend() as backend:
        yield backend


@pytest.fixture
def ports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: RecordingBackend
) -> Iterator[dict[str, int]]:
    """Return the sample coordinator's ports for users and for telemetry; behind both is one backend."""
    load_charm("demo-coordinator-k8s")
    import kv_nginx  # of the charm

    monkeypatch.setattr(NginxConfig, "platform", platform_of(tmp_path))
    monkeypatch.setattr(kv_nginx, "API_PORT", free_port())
    monkeypatch.setattr(kv_nginx, "WORKER_PORT", backend.port)
    telemetry = free_port()
    proxy = proxy_at(
        telemetry,
        TelemetryBackends(loki={"loki/0": f"http://127.0.0.1:{backend.port}/push"}),
        workers={"worker/0": "127.0.0.1"},
        metrics_port=backend.port,
    )
    config = proxy.added_to(kv_nginx.config("kv.test"))
    with RealNginx(tmp_path, config.get_config({"api": {"127.0.0.1"}}, listen_tls=False)):
        yield {"users": kv_nginx.API_PORT, "telemetry": telemetry}


# Where requests go


@pytest.mark.parametrize(
    "target",
    [
        *(
            "/store/key",
            "//store/key",
            "/./store/key",
            "/kv/../store/key",
            "/kv/%2e%2e/store/key",
            "/%73tore/key",
        ),
        *(
            "/store%2fkey",
            "/%2fstore/key",
            "/store//key",
            "/store/../store/key",
            "/store/key?x",
            "/store/?/kv/",
        ),
        *("/metrics", "//metrics", "/kv/../metrics", "/%6detrics", "/metrics?x", "/metrics#x", "/./metrics"),
        *("http://kv.test/store/key", "http://kv.test//metrics"),
    ],
)
def test_users_do_not_get_to_what_is_for_workers(
    target: str, ports: dict[str, int], backend: RecordingBackend
):
    request = f"GET {target} HTTP/1.1\r\nHost: kv.test\r\nConnection: close\r\n\r\n"
    assert status(send(ports["users"], request.encode())) == 404
    assert backend.received == []


@pytest.mark.parametrize(
    "target", ["/store", "/metrics/", "/%2573tore/key", "/x#/../store/key", "/..;/store/key"]
)
def test_passed_telemetry_is_not_workers(target: str, ports: dict[str, int], backend: RecordingBackend):
    request = f"GET {target} HTTP/1.1\r\nHost: kv.test\r\nConnection: close\r\n\r\n"
    send(ports["users"], request.encode())
    for received in backend.received:
        assert not received.path.startswith("/store/")
        assert received.path.partition("?")[0] != "/metrics"


def test_request_cannot_choose_its_backend(ports: dict[str, int], backend: RecordingBackend):
    with RecordingBackend() as elsewhere:
        there = f"127.0.0.1:{elsewhere.port}"
        for target, host in itertools.product(
            (f"http://{there}/x", "/x", f"//{there}/x", f"/@{there}/x"), (there, "kv.test")
        ):
            hints = (
                f"X-Forwarded-Host: {there}\r\nForwarded: host={there}\r\nX-Original-URL: http://{there}/\r\n"
            )
            headers = f"Host: {host}\r\n{hints}"
            send(ports["users"], f"GET {target} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n".encode())
        assert elsewhere.received == []
        assert backend.received


# Circles

LOOPS = 508
OTLP = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def push(port: int, path: str = TELEMETRY) -> int:
    request = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlogs"
    return status(send(port, request.encode()))


class Coordinator:
    """One of several coordinators, with an nginx that logs all errors."""

    def __init__(self, name: str, folder: Path):
        self.name = name
        self.folder = folder / name
        self.folder.mkdir()
        self.users, self.telemetry = free_port(), free_port()

    @contextlib.contextmanager
    def serving(self, *, logs_to: str = "", traces_to: str = "", worker_port: int = 1) -> Iterator[None]:
        """Serve with this configuration, in addition to what checks of addresses allow."""
        backends = TelemetryBackends(
            loki={"loki/0": logs_to} if logs_to else {},
            workload_tracing={"otlp_grpc": traces_to} if traces_to else {},
        )
        own = NginxConfig(
            "kv.test",
            [NginxUpstream("api", worker_port, "api")],
            {self.users: [NginxLocationConfig("/", backend="api")]},
            own_name=f"{self.name}.shop",
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(NginxConfig, "platform", platform_of(self.folder))
            config = proxy_at(self.telemetry, backends).added_to(own)
            text = config.get_config({"api": {"127.0.0.1"}}, listen_tls=False)
        with RealNginx(self.folder, text):
            yield

    @property
    def refused(self) -> int:
        """Return the number of requests that it has rejected, or passed to another that has."""
        return (self.folder / "access.log").read_text().count(f" {LOOPS} ")


@pytest.fixture
def kv(tmp_path: Path) -> Coordinator:
    return Coordinator("kv", tmp_path)


@pytest.fixture
def db(tmp_path: Path) -> Coordinator:
    return Coordinator("db", tmp_path)


def test_telemetry_loop_is_refused(kv: Coordinator):
    with kv.serving(logs_to=f"http://127.0.0.1:{kv.telemetry}{TELEMETRY}"):
        assert push(kv.telemetry) == LOOPS
    assert kv.refused == 2


def test_loop_through_another_coordinator_is_refused(kv: Coordinator, db: Coordinator):
    with (
        kv.serving(logs_to=f"http://127.0.0.1:{db.telemetry}{TELEMETRY}"),
        db.serving(logs_to=f"http://127.0.0.1:{kv.telemetry}{TELEMETRY}"),
    ):
        assert push(kv.telemetry) == LOOPS
    assert (kv.refused, db.refused) == (2, 1)


def test_loop_of_grpc_calls_is_refused(kv: Coordinator):
    with (
        kv.serving(traces_to=f"127.0.0.1:{kv.telemetry}"),
        grpc.insecure_channel(f"127.0.0.1:{kv.telemetry}") as channel,
        pytest.raises(grpc.RpcError, match=str(LOOPS)),
    ):
        channel.unary_unary(OTLP)(b"spans", timeout=10)
    assert kv.refused == 2


def test_worker_with_coordinators_address_gets_nothing(kv: Coordinator):
    with kv.serving(worker_port=kv.users):
        assert push(kv.users, "/kv/key") == LOOPS
    assert kv.refused == 2


def test_telemetry_of_another_coordinator_passes(kv: Coordinator, db: Coordinator, backend: RecordingBackend):
    with (
        kv.serving(logs_to=f"http://127.0.0.1:{db.telemetry}{TELEMETRY}"),
        db.serving(logs_to=f"http://127.0.0.1:{backend.port}/push"),
    ):
        assert push(kv.telemetry) == 200
    [received] = backend.received
    assert {value for name, value in received.headers.items() if name.startswith("x-proxied-by-")} == {
        f"kv.shop:{kv.telemetry}",
        f"db.shop:{db.telemetry}",
    }


def test_cluster_may_store_its_own_telemetry(kv: Coordinator, backend: RecordingBackend):
    with kv.serving(logs_to=f"http://127.0.0.1:{kv.users}/push", worker_port=backend.port):
        assert push(kv.telemetry) == 200
    assert [request.path for request in backend.received] == ["/push"]


# The content of requests

SMUGGLED = b"GET /store/key HTTP/1.1\r\nHost: x\r\n\r\n"
FRAMINGS = {
    "both": b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
    "both, the other way round": b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
    "two lengths": b"Content-Length: 5\r\nContent-Length: 40\r\n",
    "two lengths in one": b"Content-Length: 5, 40\r\n",
    "a sign": b"Content-Length: +5\r\n",
    "less than nothing": b"Content-Length: -5\r\n",
    "no number": b"Content-Length: five\r\n",
    "in hex": b"Content-Length: 0x5\r\n",
    "more than a number has room for": b"Content-Length: 18446744073709551621\r\n",
    "an empty length": b"Content-Length: \r\n",
    "another coding": b"Transfer-Encoding: xchunked\r\n",
    "two codings": b"Transfer-Encoding: gzip, chunked\r\n",
    "twice chunked": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "a space before the colon": b"Transfer-Encoding : chunked\r\n",
    "a tab before the value": b"Transfer-Encoding:\tchunked\r\nContent-Length: 5\r\n",
    "a line that goes on": b"Transfer-Encoding:\r\n chunked\r\n",
    "an underscore": b"Transfer_Encoding: chunked\r\nContent-Length: 5\r\n",
    "a bare carriage return": b"X: y\rTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "a null": b"Content-Length: 5\x00\r\n",
}


@pytest.mark.parametrize(("server", "path"), [("users", "/kv/key"), ("telemetry", TELEMETRY)])
@pytest.mark.parametrize("framing", FRAMINGS)
def test_no_request_carries_another_one_past_nginx(
    framing: str, server: str, path: str, ports: dict[str, int], backend: RecordingBackend
):
    start = f"POST {path} HTTP/1.1\r\nHost: x\r\n".encode()
    send(ports[server], start + FRAMINGS[framing] + b"\r\n0\r\n\r\n" + SMUGGLED)

    assert "/store/key" not in [request.path for request in backend.received]
    # and the next request on the connection to the backend is not read as the rest of it
    backend.received.clear()
    answer = send(ports[server], start + b"Content-Length: 4\r\nConnection: close\r\n\r\nlogs")
    assert status(answer) == 200
    assert [request.body for request in backend.received] == [b"logs"]


@pytest.mark.parametrize(
    "size", ["4\r\nlogs\r\nFFFFFFFFFFFFFFFFF\r\n", "-4\r\nlogs\r\n", "4;x\nlogs\r\n0\r\n", "4 \r\nlogs0\r\n"]
)
def test_chunks_that_are_none_end_connection(size: str, ports: dict[str, int], backend: RecordingBackend):
    start = f"POST {TELEMETRY} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    send(ports["telemetry"], (start + size + "\r\n").encode() + SMUGGLED)
    assert "/store/key" not in [request.path for request in backend.received]


def test_endless_header_is_refused(ports: dict[str, int], backend: RecordingBackend):
    for head in (f"GET /{'a' * MEGABYTE} HTTP/1.1\r\n", f"GET / HTTP/1.1\r\nX: {'a' * MEGABYTE}\r\n"):
        assert status(send(ports["users"], f"{head}Host: x\r\n\r\n".encode())) in (400, 414, 431)
    assert backend.received == []


# How much


def test_body_without_length_is_cut_off(ports: dict[str, int], backend: RecordingBackend, tmp_path: Path):
    """Chunks have no length in advance."""
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    with watched_disk(tmp_path) as sizes:
        with socket.create_connection(("127.0.0.1", ports["telemetry"]), timeout=5) as connection:
            start = f"POST {TELEMETRY} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            connection.sendall(start.encode())
            with contextlib.suppress(OSError):
                for _ in range(100):
                    connection.sendall(chunk)
            with contextlib.suppress(OSError):
                assert status(connection.recv(65536)) == 413
        _wait_until(lambda: _on_disk(tmp_path) == 0)
    assert 0 < max(sizes) < 10 * MEGABYTE
    assert backend.received == []


def test_users_have_a_limit_too(ports: dict[str, int], backend: RecordingBackend):
    request = f"PUT /kv/key HTTP/1.1\r\nHost: x\r\nContent-Length: {106 * MEGABYTE}\r\n\r\n"
    assert status(send(ports["users"], request.encode())) == 413
    assert backend.received == []


# (the sender of gRPC calls, a length that is too much, one that is not)
GRPC_SERVERS = [("workers", 21 * MEGABYTE, 19 * MEGABYTE), ("users", 2 * MEGABYTE, MEGABYTE)]


@pytest.fixture
def grpc_backend() -> Iterator[RecordingGrpcBackend]:
    with RecordingGrpcBackend() as backend:
        yield backend


@pytest.fixture
def grpc_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grpc_backend: RecordingGrpcBackend
) -> Iterator[dict[str, int]]:
    """Return the gRPC ports for traces of workers and for calls of users; behind both is one backend."""
    monkeypatch.setattr(NginxConfig, "platform", platform_of(tmp_path))
    users, workers = free_port(), free_port()
    traces = TelemetryBackends(workload_tracing={"otlp_grpc": f"127.0.0.1:{grpc_backend.port}"})
    proxy = proxy_at(workers, traces)
    own = NginxConfig(
        "kv.test",
        [NginxUpstream("api", grpc_backend.port, "api")],
        {users: [NginxLocationConfig("/", backend="api", is_grpc=True)]},
        client_max_body_size="1m",
    )
    with RealNginx(tmp_path, proxy.added_to(own).get_config({"api": {"127.0.0.1"}}, listen_tls=False)):
        yield {"users": users, "workers": workers}


@pytest.mark.parametrize("messages", [1, 40], ids=["at once", "in pieces"])
@pytest.mark.parametrize(("server", "too_much", "enough"), GRPC_SERVERS)
def test_call_by_grpc_has_limit_too(
    server: str,
    too_much: int,
    enough: int,
    messages: int,
    grpc_servers: dict[str, int],
    grpc_backend: RecordingGrpcBackend,
    tmp_path: Path,
):
    """Such a call gives no length in advance; it is passed on while it arrives, and so is in no file."""

    def call(size: int) -> bytes:
        address = f"127.0.0.1:{grpc_servers[server]}"
        with grpc.insecure_channel(address, options=GRPC_WITHOUT_LIMITS) as channel:
            piece = b"x" * (size // messages)
            return channel.stream_unary(OTLP)(iter([piece] * messages), timeout=20)

    with watched_disk(tmp_path) as sizes, pytest.raises(grpc.RpcError, match="413"):
        call(too_much)
    assert max(sizes) == 0
    # in pieces, of which some have been passed on by then
    assert all(len(sent) < too_much - MEGABYTE / 2 for _, sent in grpc_backend.received)
    assert int(call(enough - 1000)) == pytest.approx(enough, rel=0.01)


@contextlib.contextmanager
def watched_disk(folder: Path) -> Iterator[list[int]]:
    """Collect, as long as this lasts, the number of bytes of bodies that nginx holds in files."""
    sizes = [_on_disk(folder)]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.002):
            sizes.append(_on_disk(folder))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield sizes
    finally:
        ended.set()
        watcher.join()


def _on_disk(folder: Path) -> int:
    """Return the number of bytes in such files, which have no name any more once they are open."""
    master = (folder / "nginx.pid").read_text().strip()
    workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    size = 0
    for open_file in itertools.chain.from_iterable(Path(f"/proc/{each}/fd").iterdir() for each in workers):
        with contextlib.suppress(FileNotFoundError):
            if str(open_file.readlink()).startswith(str(folder / "client_temp")):
                size += open_file.stat().st_size
    return size


def _wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)
