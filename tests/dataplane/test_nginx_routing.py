"""A charm's own locations in a real nginx."""

import contextlib
import http.client
import socket
import time

import grpc
import pytest

from coordinated_workers.nginx import NginxConfig, NginxLocationConfig, NginxMapConfig, NginxUpstream
from tests.dataplane.dns_server import TestDNS
from tests.support.backends import RecordingBackend
from tests.support.grpc_backend import RecordingGrpcBackend
from tests.support.nginx_process import RealNginx, free_port, platform_of


@pytest.fixture
def backend():
    with RecordingBackend() as backend:
        yield backend


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Start nginx with some locations for the role `api`; gives the port."""
    monkeypatch.setattr(NginxConfig, "platform", platform_of(tmp_path))
    with contextlib.ExitStack() as running:

        def start(
            *locations, api_port=1, addresses=("127.0.0.1",), root_path=None, name="coordinator", **options
        ) -> int:
            port = free_port()
            config = NginxConfig(
                name,
                [NginxUpstream("api", api_port, "api")],
                {port: locations},
                worker_processes=1,
                **options,
            )
            text = config.get_config({"api": set(addresses)}, listen_tls=False, root_path=root_path)
            running.enter_context(RealNginx(tmp_path, text))
            return port

        yield start


def get(port: int, path: str, **headers: str) -> tuple[int, bytes]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.mark.parametrize(
    ("location", "requested", "arrives"),
    [
        (NginxLocationConfig("/", backend="api"), "/a/b?c=d", "/a/b?c=d"),
        (NginxLocationConfig("/", backend="api"), "/a%2Fb", "/a%2Fb"),
        (NginxLocationConfig("/a", backend="api", modifier="="), "/a?b", "/a?b"),
        (NginxLocationConfig("/a", backend="api", modifier="^~"), "/a/b", "/a/b"),
        (NginxLocationConfig("/A/.*x", backend="api", modifier="~*"), "/a/bx", "/a/bx"),
        (NginxLocationConfig(r"^/\d{2}$", backend="api", modifier="~"), "/42", "/42"),
        (NginxLocationConfig("/a", backend="api", backend_url="/v1/x"), "/a/b?c=d", "/v1/x?c=d"),
        (
            NginxLocationConfig("/a", backend="api", backend_url="/v1/x", modifier="~"),
            "/a/b?c=d",
            "/v1/x?c=d",
        ),
        (NginxLocationConfig("/a", backend="api", backend_url="/v1/x", modifier="="), "/a?c=d", "/v1/x?c=d"),
        (
            NginxLocationConfig("/a", backend="api", rewrite=["^/a(/.*)$", "$1", "break"]),
            "/a/b?c=d",
            "/b?c=d",
        ),
        (NginxLocationConfig("/with space", backend="api"), "/with%20space/x", "/with%20space/x"),
    ],
)
def test_location_asks_backend_for(location, requested, arrives, serve, backend):
    port = serve(location, api_port=backend.port)

    assert get(port, requested) == (200, b"ok")
    assert [request.path for request in backend.received] == [arrives]


def test_request_without_tenant_is_anonymous(serve, backend):
    port = serve(NginxLocationConfig("/", backend="api", headers={"X-More": "1"}), api_port=backend.port)

    get(port, "/")
    get(port, "/", **{"X-Scope-OrgID": "me"})

    assert [request.headers["x-scope-orgid"] for request in backend.received] == ["anonymous", "me"]


def test_location_has_the_last_word_on_headers(serve, backend):
    port = serve(
        NginxLocationConfig(
            "/headers",
            backend="api",
            headers={"upgrade": "$http_upgrade", "connection": "upgrade", "Quote": 'a "b"; c \\ d'},
        ),
        NginxLocationConfig(
            "/directive", backend="api", extra_directives={"proxy_set_header": ["Connection", "upgrade"]}
        ),
        api_port=backend.port,
    )

    get(port, "/headers", Upgrade="websocket")
    get(port, "/directive")

    first, second = backend.received
    assert (first.headers["connection"], first.headers["upgrade"]) == ("upgrade", "websocket")
    assert first.headers["quote"] == 'a "b"; c \\ d'
    assert second.headers["connection"] == "upgrade"


def test_directives_of_location_replace_usual_ones(serve, backend):
    port = serve(
        NginxLocationConfig(
            "/",
            backend="api",
            extra_directives={"proxy_http_version": ["1.0"], "proxy_connect_timeout": ["1s"]},
        ),
        api_port=backend.port,
    )

    assert get(port, "/")[0] == 200


def test_redirect_to_backend_leads_back_to_nginx(serve, backend):
    backend.status, backend.headers = 302, {"Location": "http://api/b?c=d"}
    port = serve(NginxLocationConfig("/", backend="api"), api_port=backend.port)

    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", "/a")
        assert connection.getresponse().headers["Location"] == f"http://127.0.0.1:{port}/b?c=d"


def test_requests_are_shared_between_workers_of_role(serve, backend):
    with RecordingBackend("127.0.0.2", backend.port) as other:
        port = serve(
            NginxLocationConfig("/", backend="api"),
            api_port=backend.port,
            addresses=("127.0.0.1", "127.0.0.2"),
        )

        for _ in range(10):
            get(port, "/")

        assert (len(backend.received), len(other.received)) == (5, 5)


def test_role_may_have_hundred_workers(tmp_path, monkeypatch):
    """Each needs some of the memory that nginx's processes share; without it nginx does not start."""
    names = {f"worker-{n}.worker-endpoints.{'long-' * 10}model.svc.cluster.local" for n in range(100)}
    with TestDNS() as dns:
        dns.hosts |= dict.fromkeys(names, "127.0.0.1")
        monkeypatch.setattr(NginxConfig, "platform", platform_of(tmp_path, resolver=dns.address))
        config = NginxConfig(
            "coordinator",
            [NginxUpstream("api", 1, "api")],
            {free_port(): [NginxLocationConfig("/", backend="api")]},
        )

        with RealNginx(tmp_path, config.get_config({"api": names}, listen_tls=False)) as nginx:
            # a client that sends another request has taken the first answer
            deadline = time.monotonic() + 10
            while min(dns.requested[name] for name in names) < 2:
                assert time.monotonic() < deadline, nginx.errors
                time.sleep(0.05)
        assert "no memory" not in nginx.errors


def test_long_name_is_no_trouble(serve):
    port = serve(enable_health_check=True, name=".".join(["a" * 60] * 4))

    assert get(port, "/") == (200, b"OK")


def test_worker_that_is_down_is_passed_over(serve, backend):
    port = serve(
        NginxLocationConfig("/", backend="api"), api_port=backend.port, addresses=("127.0.0.1", "127.0.0.9")
    )

    assert [get(port, "/")[0] for _ in range(10)] == [200] * 10


def test_http_and_grpc_share_port(serve):
    with RecordingGrpcBackend() as backend:
        port = serve(
            NginxLocationConfig("/", backend="api", is_grpc=True),
            NginxLocationConfig("/plain", extra_directives={"return": ["200", "plain text"]}),
            api_port=backend.port,
        )

        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            assert channel.unary_unary("/a.B/C")(b"hello", timeout=5) == b"5"
        assert get(port, "/plain") == (200, b"plain text")


def test_health_check_answers_whatever_else_there_is(serve):
    port = serve(NginxLocationConfig("/", backend="gone"), enable_health_check=True)

    assert get(port, "/") == (200, b"OK")
    assert get(port, "/else")[0] == 404


def test_files_are_served_from_root(serve, tmp_path):
    (tmp_path / "index.html").write_text("hello")
    port = serve(
        NginxLocationConfig("/", extra_directives={"try_files": ["$uri", "/index.html"]}),
        root_path=str(tmp_path),
    )

    assert get(port, "/any/page") == (200, b"hello")


def test_a_map_makes_a_variable(serve):
    port = serve(
        NginxLocationConfig("/", extra_directives={"return": ["200", "$size"]}),
        map_configs=[
            NginxMapConfig("$arg_n", "$size", {"default": ["many; things"], "~^[01]$": ["few"], "": ["none"]})
        ],
    )

    assert [get(port, path)[1] for path in ("/?n=7", "/?n=1", "/")] == [b"many; things", b"few", b"none"]


@pytest.mark.parametrize(
    "text", ['"', "'", "\\", "a\\\\b", '\\"', "; }", "# x", "{ }", '"; return 500; #', r"\n\t", "ü€", " "]
)
def test_text_comes_out_as_it_went_in(text, serve):
    port = serve(NginxLocationConfig("/", extra_directives={"return": ["200", text]}))

    assert get(port, "/") == (200, text.encode())


def test_only_what_went_wrong_is_logged(serve, backend, tmp_path):
    port = serve(
        NginxLocationConfig("/", backend="api"),
        NginxLocationConfig("/wrong", extra_directives={"return": ["500"]}),
        api_port=backend.port,
    )

    get(port, "/right")
    get(port, "/wrong")

    # nginx logs a request after the answer
    log = tmp_path / "access.log"
    deadline = time.monotonic() + 5
    while "/wrong" not in log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert "/right" not in log.read_text()


def test_responses_omit_the_version(serve):
    port = serve(enable_health_check=True)

    assert b"nginx/" not in get(port, "/no-such-page")[1]


def test_client_that_reads_nothing_fills_no_disk(serve):
    """nginx holds as much of a backend's answer as fits into its memory and the sockets' buffers."""
    size, sent = 64 * 1024 * 1024, 0
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = serve(NginxLocationConfig("/", backend="api"), api_port=listener.getsockname()[1])
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
                connection.settimeout(1)
                with contextlib.suppress(TimeoutError):
                    while sent < size:
                        sent += connection.send(bytes(65536))
    assert sent < size // 2


@pytest.mark.parametrize("protocol", ["HTTP", "gRPC"])
def test_slow_worker_leaves_connections_to_others(tmp_path, monkeypatch, backend, protocol):
    monkeypatch.setattr(NginxConfig, "platform", platform_of(tmp_path))
    port = free_port()
    with socket.create_server(("127.0.0.1", 0), backlog=200) as slow, contextlib.ExitStack() as clients:
        config = NginxConfig(
            "coordinator",
            [NginxUpstream("slow", slow.getsockname()[1], "slow"), NginxUpstream("api", backend.port, "api")],
            {
                port: [
                    NginxLocationConfig("/slow", backend="slow", is_grpc=protocol == "gRPC"),
                    NginxLocationConfig("/", backend="api"),
                ]
            },
            worker_processes=1,
            worker_connections=64,
        )
        hosts = {"slow": {"127.0.0.1"}, "api": {"127.0.0.1"}}
        with RealNginx(tmp_path, config.get_config(hosts, listen_tls=False)):
            waiting = [
                clients.enter_context(
                    contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5))
                )
                for _ in range(40)
            ]
            for client in waiting:
                client.request("GET", "/slow", headers={"Connection": "close"})
            for client in waiting[16:]:
                assert client.getresponse().status == 503
            assert get(port, "/x")[0] == 200
