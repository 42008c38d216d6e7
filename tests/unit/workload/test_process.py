import datetime
import http.client
import ipaddress
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support import workload_process as processes
from tests.support.workload_process import HOST, free_port, program
from tests.unit.workload.remote_write import series


@pytest.fixture
def tls(tmp_path: Path) -> dict[str, str]:
    """A self-signed certificate for this run's address."""
    write_certificate(tmp_path, serial_number=1)
    return {
        "cert": str(tmp_path / "server.cert"),
        "key": str(tmp_path / "private.key"),
        "ca": str(tmp_path / "ca.cert"),
    }


def write_certificate(folder: Path, serial_number: int) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "worker")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial_number)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "server.cert").write_bytes(pem)
    (folder / "ca.cert").write_bytes(pem)
    (folder / "private.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def served(workload) -> int:
    """The serial number of the certificate that a new connection meets."""
    pem = ssl.get_server_certificate((HOST, workload.port), timeout=10)
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def over_tls(workload, tls, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    context = ssl.create_default_context(cafile=tls["ca"])
    connection = http.client.HTTPSConnection(HOST, workload.port, context=context, timeout=10)
    connection.request(method, path, body)
    response = connection.getresponse()
    answer = response.status, response.read()
    connection.close()
    return answer


def test_readiness_is_reported(start):
    answer = start("api").request("GET", "/healthz")
    assert (answer.status, answer.body) == (200, b"ready\n")


def test_with_certificates_all_of_it_is_tls(start, tls):
    store = start("store", tls=tls)
    api = start("api", stores=[store.url], tls=tls)
    assert over_tls(api, tls, "PUT", "/kv/k", b"v") == (201, b"")
    assert over_tls(api, tls, "GET", "/kv/k") == (200, b"v")
    with pytest.raises(OSError):
        api.request("GET", "/healthz")
    assert over_tls(api, tls, "GET", "/healthz") == (200, b"ready\n")


def test_a_new_certificate_is_served_without_restart(start, tls, tmp_path):
    store = start("store", tls=tls)
    assert served(store) == 1
    write_certificate(tmp_path, serial_number=2)
    assert served(store) == 2


def test_certificate_without_its_key_waits_for_it(start, tls, tmp_path):
    store = start("store", tls=tls)
    (tmp_path / "new").mkdir()
    write_certificate(tmp_path / "new", serial_number=2)
    (tmp_path / "new/server.cert").replace(tls["cert"])
    assert served(store) == 1
    (tmp_path / "new/private.key").replace(tls["key"])
    assert served(store) == 2


def test_store_whose_certificate_is_not_trusted_gets_nothing(start, tls):
    store = start("store", tls=tls)
    api = start("api", stores=[store.url])
    assert api.put("k", b"v").status == 503
    assert "certificate verify failed" in api.output


def test_unfinished_handshake_blocks_no_other(start, tls):
    store = start("store", tls=tls)
    with socket.create_connection((HOST, store.port)):
        assert over_tls(store, tls, "GET", "/healthz") == (200, b"ready\n")


def test_sigterm_ends_idle_program_at_once(start):
    store = start("store")
    with socket.create_connection((HOST, store.port)):
        begin = time.monotonic()
        assert store.stop() == 0
    assert time.monotonic() - begin < 5
    assert json.loads(store.output.splitlines()[-1]) == {"level": "info", "message": "stopped"}


def test_sigterm_answers_request_in_flight(start):
    store = start("store")
    with socket.create_connection((HOST, store.port), timeout=10) as connection:
        connection.sendall(b"PUT /store/k HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
        # Another connection's answer shows that the first one's thread has begun.
        store.request("GET", "/healthz")
        time.sleep(0.1)
        store.process.terminate()
        with pytest.raises(OSError):
            for _ in range(100):
                time.sleep(0.05)
                store.request("GET", "/healthz")
        connection.sendall(b"cd")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 201 ")
    assert b"Connection: close" in answer
    assert store.process.wait(timeout=10) == 0


def test_last_data_are_sent_before_exit(start, backend):
    store = start(
        "store",
        telemetry={
            "loki": [f"{backend.url}/loki"],
            "remote_write": [f"{backend.url}/write"],
            "otlp_http": backend.url,
            "flush_seconds": 60,
            "sample_seconds": 60,
        },
    )
    store.request("PUT", "/store/k", b"v")
    assert store.stop() == 0
    assert {sent.path for sent in backend.received} == {"/loki", "/write", "/v1/traces"}
    last_write = [sent for sent in backend.received if sent.path == "/write"][-1]
    (keys,) = [
        samples for labels, samples in series(last_write.body).items() if ("__name__", "kv_keys") in labels
    ]
    assert keys[-1][0] == 1


def test_backend_that_is_down_does_not_hold_up_end(start):
    store = start("store", telemetry={"loki": [f"http://{HOST}:{free_port()}"], "flush_seconds": 0.05})
    store.request("PUT", "/store/k", b"v")
    begin = time.monotonic()
    assert store.stop() == 0
    assert time.monotonic() - begin < 5


def test_program_listens_at_reported_address(start):
    port, elsewhere = free_port(), "127.0.0.2"
    both = [start("store", port=port), start("store", port=port, listen=elsewhere, ready=False)]
    deadline = time.monotonic() + 10
    while True:
        try:
            connection = http.client.HTTPConnection(elsewhere, port)
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert all(workload.process.poll() is None for workload in both)


def test_default_address_is_every_address(tmp_path):
    port = free_port("")
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"port": port, "stores": []}))
    process = subprocess.Popen(
        [sys.executable, program(), "--config", config, "--roles", "api"], stdout=subprocess.DEVNULL
    )
    try:
        for address in (HOST, "127.0.0.3", *(["::1"] if socket.has_dualstack_ipv6() else [])):
            deadline = time.monotonic() + 10
            while True:
                try:
                    socket.create_connection((address, port), timeout=1).close()
                    break
                except OSError:
                    assert time.monotonic() < deadline, address
                    time.sleep(0.02)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (None, "No such file"),
        ("port: 8080", "JSONDecodeError"),
        ("[]", "AttributeError"),
        ("{}", "KeyError: 'port'"),
        ('{"port": 70000, "stores": []}', "70000 is not a port"),
        ('{"port": 1, "stores": ["store-0"]}', "'store-0' is not an HTTP URL"),
        ('{"port": 1, "stores": ["http://fd00::1:8080"]}', "'http://fd00::1:8080' is not an HTTP URL"),
        ('{"port": 1, "stores": ["http://s-0:9095:8080"]}', "is not an HTTP URL"),
        ('{"port": 1, "stores": ["http://"]}', "is not an HTTP URL"),
        ('{"port": 1, "stores": [], "telemetry": {"loki": ["file:///etc/passwd"]}}', "is not an HTTP URL"),
        (
            '{"port": 1, "stores": [], "tls": {"cert": "/none", "key": "/none", "ca": "/none"}}',
            "No such file",
        ),
    ],
)
def test_invalid_configuration_exits_with_one_line(tmp_path, text, cause):
    config = tmp_path / "config.yaml"
    if text is not None:
        config.write_text(text)
    command = [sys.executable, program(), "--config", config, "--roles", "all"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=10)
    assert ended.returncode == 1
    (line,) = ended.stdout.splitlines()
    assert json.loads(line)["message"].startswith("cannot start: ")
    assert cause in line
    assert ended.stderr == ""


def test_occupied_port_exits_with_one_line(start):
    taken = start("store")
    second = start("store", port=taken.port, ready=False)
    assert second.process.wait(timeout=10) == 1
    assert "Address already in use" in second.output


def test_unknown_configuration_keys_are_ignored(start):
    store = start("store", later="thing", telemetry={"profiles": []})
    assert store.request("GET", "/healthz").status == 200


def test_unknown_role_is_refused(tmp_path):
    command = [sys.executable, program(), "--config", tmp_path / "none", "--roles", "api,cache"]
    assert subprocess.run(command, capture_output=True, timeout=10).returncode == 2


def test_too_many_connections_are_closed_and_counted(start):
    store = start("store")
    connections = [socket.create_connection((HOST, store.port), timeout=10) for _ in range(256)]
    try:
        with socket.create_connection((HOST, store.port), timeout=10) as one_too_many:
            assert one_too_many.recv(1) == b""
    finally:
        for connection in connections:
            connection.close()
    deadline = time.monotonic() + 5
    while True:
        try:
            assert store.metric("kv_connections_refused_total") >= 1
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_names_of_environment_that_are_not_set_are_no_labels(start, backend, monkeypatch):
    for name in list(os.environ):
        if name.startswith("JUJU_"):
            monkeypatch.delenv(name)
    config = {"loki": [backend.url], "flush_seconds": 0.05}
    monkeypatch.setattr(processes, "IDENTITY", {})
    start("store", telemetry=config).request("PUT", "/store/k", b"v")
    (push,) = backend.wait_for(lambda received: len(received) == 1)
    assert json.loads(push.body)["streams"][0]["stream"] == {"level": "info"}
