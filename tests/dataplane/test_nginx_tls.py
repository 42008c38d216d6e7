"""Versions, ciphers and curves that nginx offers for TLS."""

import socket
import ssl
from collections.abc import Iterator

import pytest

from coordinated_workers.nginx import NginxConfig
from tests.support.certificates import certificate_and_key, write_certificate
from tests.support.nginx_process import RealNginx, free_port, platform_of
from tests.support.nginx_text import arguments, parsed

TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3 = (
    ssl.TLSVersion.TLSv1,
    ssl.TLSVersion.TLSv1_1,
    ssl.TLSVersion.TLSv1_2,
    ssl.TLSVersion.TLSv1_3,
)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("nginx")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NginxConfig, "platform", platform_of(folder))
        write_certificate(folder)
        port = free_port()
        wanted = NginxConfig("x", [], {port: []}, enable_health_check=True, worker_processes=2)
        text = wanted.get_config({}, listen_tls=True)
        with RealNginx(folder, text):
            yield text


def connect(
    config: str,
    version: ssl.TLSVersion,
    ciphers: str = "ALL:COMPLEMENTOFALL:@SECLEVEL=0",
    session: ssl.SSLSession | None = None,
    context: ssl.SSLContext | None = None,
) -> ssl.SSLSocket:
    """A connection that has sent a request, and so has received everything that the server sends first."""
    [[listen, *_]] = arguments(parsed(config), "listen")
    host, _, port = listen.partition(":")
    plain = socket.create_connection((host, int(port)), timeout=5)
    try:
        secure = (context or client(version, ciphers)).wrap_socket(plain, session=session)
    except BaseException:
        plain.close()
        raise
    secure.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    secure.recv(1000)
    return secure


def client(version: ssl.TLSVersion, ciphers: str = "ALL:COMPLEMENTOFALL:@SECLEVEL=0") -> ssl.SSLContext:
    """A client that accepts any certificate, and has none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers(ciphers)
    context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("version", [TLS_1_0, TLS_1_1])
def test_versions_with_known_weaknesses_are_refused_by_nginx(config: str, version: ssl.TLSVersion):
    with pytest.raises(ssl.SSLError) as refusal:
        connect(config, version)
    # not by the client, which supports them
    assert refusal.value.reason == "TLSV1_ALERT_PROTOCOL_VERSION"


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
def test_todays_versions_are_spoken(config: str, version: ssl.TLSVersion):
    with connect(config, version) as connection:
        assert connection.version() == {TLS_1_2: "TLSv1.2", TLS_1_3: "TLSv1.3"}[version]


@pytest.mark.parametrize(
    "cipher",
    [
        "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-ECDSA-AES256-SHA384",
        "ECDHE-ECDSA-CAMELLIA128-SHA256",
        "ECDHE-ECDSA-AES128-CCM8",
    ],
)
def test_ciphers_without_aead_are_refused(config: str, cipher: str):
    with pytest.raises(ssl.SSLError) as refusal:
        connect(config, TLS_1_2, f"{cipher}:@SECLEVEL=0")
    assert refusal.value.reason == "SSLV3_ALERT_HANDSHAKE_FAILURE"


def test_only_recommended_curves_are_negotiated(config: str):
    context = client(TLS_1_3)
    context.set_ecdh_curve("secp521r1")
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        connect(config, TLS_1_3, context=context)


@pytest.mark.parametrize("group", ["X25519", "prime256v1", "secp384r1"])
def test_recommended_curves_are_negotiated(config: str, group: str):
    context = client(TLS_1_3)
    context.set_ecdh_curve(group)
    with connect(config, TLS_1_3, context=context) as connection:
        assert connection.version() == "TLSv1.3"


@pytest.mark.parametrize(
    "first",
    ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-GCM-SHA256"],
)
def test_client_knows_best_what_is_fast_on_its_machine(config: str, first: str):
    with connect(config, TLS_1_2, f"{first}:ECDHE+AESGCM:ECDHE+CHACHA20") as connection:
        cipher = connection.cipher()
    assert cipher
    assert cipher[0] == first


def test_ciphers_have_forward_secrecy_and_aead(config: str):
    [[ciphers]] = arguments(parsed(config), "ssl_ciphers")
    for cipher in ciphers.split(":"):
        assert cipher.startswith("ECDHE-")
        assert cipher.endswith(("GCM-SHA256", "GCM-SHA384", "CHACHA20-POLY1305"))


def test_session_tickets_are_off(config: str):
    context = client(TLS_1_2)
    with connect(config, TLS_1_2, context=context) as connection:
        session = connection.session
        assert session
        assert not session.has_ticket
    # sessions are resumed all the same, in any process
    for _ in range(4):
        with connect(config, TLS_1_2, session=session, context=context) as again:
            assert again.session_reused


def test_sessions_are_forgotten_after_day(config: str):
    directives = parsed(config)
    assert arguments(directives, "ssl_session_timeout") == [("1d",)]
    assert arguments(directives, "ssl_session_tickets") == [("off",)]
    assert arguments(directives, "ssl_session_cache") == [("shared:tls:10m",)]


def test_certificate_is_the_one_that_was_given(config: str):
    context = ssl.create_default_context(cadata=certificate_and_key()[0].decode())
    [[listen, *_]] = arguments(parsed(config), "listen")
    with (
        socket.create_connection(("127.0.0.1", int(listen.rpartition(":")[2])), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost"),
    ):
        pass
