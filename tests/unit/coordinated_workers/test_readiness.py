"""Readiness checks of a workload, by HTTP and HTTPS."""

import datetime
import http.server
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from coordinated_workers.readiness import ServiceEndpointStatus, probe


class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ready\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def serve(context: ssl.SSLContext | None = None) -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ready) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a certificate for 127.0.0.1, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "workload")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(certificate.public_bytes(pem) + private)
    return file


@pytest.fixture
def https(certificate: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serve(context) as port:
        yield f"https://127.0.0.1:{port}/ready"


def test_readiness_over_tls_uses_the_ca(https: str, certificate: Path):
    ca_cert = certificate.read_text().partition("-----BEGIN PRIVATE")[0]
    assert probe(https, ca_cert).status is ServiceEndpointStatus.up


@pytest.mark.parametrize("ca_cert", [None, "no certificate", "-----BEGIN CERTIFICATE-----\nx\n"])
def test_workload_with_untrusted_ca_is_down(https: str, ca_cert: str | None):
    found = probe(https, ca_cert)
    assert found.status is ServiceEndpointStatus.down
    assert found.reason.startswith(f"no answer from {https}")


def test_readiness_uses_no_proxy(monkeypatch: pytest.MonkeyPatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with serve() as port:
        assert probe(f"http://127.0.0.1:{port}/").status is ServiceEndpointStatus.up


def test_unresponsive_workload_does_not_delay_hooks():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = probe(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout=0.1)
    assert found.status is ServiceEndpointStatus.down
    assert "timed out" in found.reason


def test_without_time_readiness_is_not_probed():
    with serve() as port:
        found = probe(f"http://127.0.0.1:{port}/", timeout=0)
    assert found.status is ServiceEndpointStatus.starting
    assert "no time" in found.reason


@pytest.mark.parametrize("url", ["not a url", "http://", "http://[::1", "gopher://127.0.0.1"])
def test_endpoint_that_is_none_counts_as_down(url: str):
    assert probe(url).status is ServiceEndpointStatus.down


@pytest.mark.parametrize("code", [200, 404, 503])
def test_answer_that_does_not_end_is_none(code: int):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 %d X\r\nContent-Length: 100\r\n\r\nnot yet" % code)
                connection.recv(1000)

        threading.Thread(target=answer, daemon=True).start()
        seen = probe(f"http://127.0.0.1:{server.getsockname()[1]}/ready", timeout=0.2)
    assert seen.status is ServiceEndpointStatus.down
    assert seen.reason.startswith("no answer from")
