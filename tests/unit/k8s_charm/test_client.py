"""Connections to Kubernetes are kept, and a closed one is not used."""

import gzip
import http.server
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from lightkube import ApiError, Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace

from k8s_charm import kubernetes_client, kubernetes_errors
from tests.support.certificates import certificate_and_key, server_context, write_certificate
from tests.support.faulty_server import KUBECONFIG

NAMESPACE = json.dumps({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "m"}}).encode()


class Server(http.server.ThreadingHTTPServer):
    """Answers each request with a namespace, in one of several forms."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.form = "plain"
        self.connections: list[socket.socket] = []
        self.received: list[tuple[str, bytes]] = []
        self.meeting = threading.Barrier(1)

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        self.connections.append(connection)
        return connection, address

    def hang_up(self) -> None:
        """End all connections, as a server does with idle ones."""
        for connection in self.connections:
            connection.shutdown(socket.SHUT_RDWR)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Log nothing."""

    def do_GET(self) -> None:
        server = cast("Server", self.server)
        server.meeting.wait(10)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server.received.append((self.path, body))
        form, answer = server.form, NAMESPACE
        self.send_response(404 if form == "status" else 200)
        self.send_header("Content-Type", "application/json")
        if form == "zipped":
            answer = gzip.compress(answer)
            self.send_header("Content-Encoding", "gzip")
        if form == "pieces":
            self.send_header("Transfer-Encoding", "chunked")
            answer = b"".join(b"%x\r\n%b\r\n" % (1, bytes([byte])) for byte in answer) + b"0\r\n\r\n"
        elif form == "to the end":
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer[:-1] if form == "cut" else answer)
        if form == "cut":
            self.close_connection = True

    def do_POST(self) -> None:
        self.do_GET()

    def do_PATCH(self) -> None:
        self.do_GET()


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def client(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG.format(url=f"http://127.0.0.1:{server.server_port}", user="web"))
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    return kubernetes_client("m", "web")


def name(client: Client) -> str | None:
    namespace = client.get(Namespace, "m")
    return namespace.metadata and namespace.metadata.name


@pytest.mark.parametrize("form", ["plain", "zipped", "pieces"])
def test_connection_is_reused(client: Client, server: Server, form: str):
    server.form = form
    assert [name(client) for _ in range(3)] == ["m"] * 3
    assert len(server.connections) == 1


def test_closed_connection_is_replaced(client: Client, server: Server):
    server.form = "to the end"
    assert [name(client) for _ in range(2)] == ["m"] * 2
    assert len(server.connections) == 2


def test_refusal_leaves_connection_as_good_as_it_was(client: Client, server: Server):
    server.form = "status"
    with pytest.raises(kubernetes_errors()):
        client.get(Namespace, "m")
    server.form = "plain"
    assert name(client) == "m"
    assert len(server.connections) == 1


def test_ended_connection_is_not_reused(client: Client, server: Server):
    client.patch(Namespace, "m", {"metadata": {"labels": {"a": "b"}}})
    server.hang_up()
    # Not one that could be repeated.
    client.create(Namespace(metadata=ObjectMeta(name="n")))
    assert len(server.received) == len(server.connections) == 2


def test_half_an_answer_is_none(client: Client, server: Server):
    server.form = "cut"
    with pytest.raises(kubernetes_errors(), match="without sending complete message body"):
        client.get(Namespace, "m")
    server.form = "plain"
    assert name(client) == "m"


def test_requests_of_several_threads_go_over_connection_each(client: Client, server: Server):
    name(client)
    server.meeting = threading.Barrier(3)
    names: list[str | None] = []
    for _ in range(2):
        threads = [threading.Thread(target=lambda: names.append(name(client))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert names == ["m"] * 6
    assert len(server.connections) == 3


def test_what_is_sent_arrives_as_it_is(client: Client, server: Server):
    client.patch(Namespace, "m", {"metadata": {"annotations": {"a": "ä" * 100_000}}})
    client.get(Namespace, "a b")
    (_, body), (path, nothing) = server.received
    assert json.loads(body) == {"metadata": {"annotations": {"a": "ä" * 100_000}}}
    assert (path, nothing) == ("/api/v1/namespaces/a%20b", b"")


def test_refused_connection_is_reported(client: Client, server: Server):
    server.server_close()
    with pytest.raises(kubernetes_errors(), match="refused") as raised:
        client.get(Namespace, "m")
    assert not isinstance(raised.value, ApiError)


@pytest.fixture
def secure(client: Client, server: Server, tmp_path: Path) -> Path:
    """The server speaks TLS, and clients trust the certificate in this file."""
    write_certificate(tmp_path)
    server.socket = server_context(tmp_path).wrap_socket(server.socket, server_side=True)
    trusted = tmp_path / "server.cert"
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        kubeconfig.read_text()
        .replace("http:", "https:")
        .replace("insecure-skip-tls-verify: true", f'certificate-authority: "{trusted}"')
    )
    return trusted


def test_tls_connection_is_reused(secure: Path, server: Server):
    client = kubernetes_client("m", "web")
    assert [name(client) for _ in range(3)] == ["m"] * 3
    assert len(server.connections) == 1


def test_untrusted_server_gets_no_request(secure: Path, server: Server):
    another, _ = certificate_and_key.__wrapped__()
    secure.write_bytes(another)
    with pytest.raises(kubernetes_errors(), match="certificate verify failed"):
        name(kubernetes_client("m", "web"))
    assert server.received == []
