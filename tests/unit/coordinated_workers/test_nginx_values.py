"""Valid and invalid text in nginx.conf."""

from typing import Any

import pytest

from coordinated_workers.nginx import (
    BackendURL,
    NginxConfig,
    NginxLocationConfig,
    NginxPlatform,
    NginxUpstream,
    NginxValueError,
    Refusal,
    check_host,
    check_port,
)

HOST = "x." * 126 + "x"


@pytest.fixture(autouse=True)
def platform(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(NginxConfig, "platform", NginxPlatform(resolvers=("10.1.2.3",), ipv6=False))


@pytest.mark.parametrize(
    ("url", "tls", "host", "port", "path"),
    [
        ("http://tempo.test", False, "tempo.test", 80, ""),
        ("https://tempo.test/", True, "tempo.test", 443, "/"),
        ("HTTP://tempo.test:4318/v1/traces", False, "tempo.test", 4318, "/v1/traces"),
        ("https://[fd00::1]:9", True, "fd00::1", 9, ""),
        ("tempo.test:4317", False, "tempo.test", 4317, ""),
        ("http://a.test/" + "x" * 1986, False, "a.test", 80, "/" + "x" * 1986),
    ],
)
def test_url(url: str, tls: bool, host: str, port: int, path: str):
    assert BackendURL.parse(url) == BackendURL(host, port, tls, path)


@pytest.mark.parametrize("tls", [False, True])
def test_tls_of_a_url_without_scheme(tls: bool):
    assert BackendURL.parse("tempo.test:4317", tls).tls is tls
    assert not BackendURL.parse("http://tempo.test", tls).tls


@pytest.mark.parametrize(
    ("url", "shown", "needed"),
    [
        ("http://me:secret@a.test/x", "http://a.test…", "a URL without credentials"),
        ("me:secret@a.test:80", "a.test:80", "a URL without credentials"),
        ("http://a.test/me@x", "…", "a URL without credentials"),
        ("a@b@c", "…", "a URL without credentials"),
        ("", "", "a URL"),
        ("http://a.test/\n", "http://a.test…", "a URL"),
        ("http://a.test/ x", "http://a.test…", "a URL"),
        ("http://a.test/ü", "http://a.test…", "a URL"),
        ("http://a.test/" + "x" * 1987, "http://a.test…", "a URL of at most 2000 characters"),
        ("http://a.test:99999", "http://a.test:99999", "a URL"),
        ("http://[fd00::1", "http://…", "a URL"),
        ("ftp://a.test/x", "ftp://a.test…", "a URL of http or https"),
        ("http://a.test/?key=secret", "http://a.test…", "a URL of a host and a plain path"),
        ("http://a.test/#secret", "http://a.test…", "a URL of a host and a plain path"),
        ("http://a.test/%2e", "http://a.test…", "a URL of a host and a plain path"),
        ("http://a.test/x;y", "http://a.test…", "a URL of a host and a plain path"),
        ("http:///x", "http://…", "a URL of a host name or an IP address"),
        ("http://a..test", "http://a..test", "a URL of a host name or an IP address"),
        ("http://[fe80::1%eth0]", "http://…", "a URL of a host name or an IP address"),
        ("a.test", "a.test", "a URL with a scheme or a port"),
        ("http://a.test:0", "0", "a port"),
    ],
)
def test_no_url(url: str, shown: str, needed: str):
    with pytest.raises(NginxValueError) as raised:
        BackendURL.parse(url)
    assert str(raised.value) == f"{shown!r} is not {needed}"


@pytest.mark.parametrize(
    ("url", "authority", "origin"),
    [
        ("http://a.test:80/secret", "a.test", "http://a.test"),
        ("http://a.test:443", "a.test:443", "http://a.test:443"),
        ("https://a.test:443/secret", "a.test", "https://a.test"),
        ("https://[fd00::1]:80", "[fd00::1]:80", "https://[fd00::1]:80"),
    ],
)
def test_authority_and_origin(url: str, authority: str, origin: str):
    assert BackendURL.parse(url).authority == authority
    assert BackendURL.parse(url).origin == origin


@pytest.mark.parametrize("host", ["a", "a.test", "a_b-c.test", "10.0.0.1", "fd00::1", "x" * 63, HOST])
def test_host(host: str):
    assert check_host(host) == host


@pytest.mark.parametrize(
    "host", ["", "-a", "a.", ".a", "a..b", "a b", "a\n", "a;", "fe80::1%eth0", "x" * 64, HOST + "x", None, 7]
)
def test_no_host(host: object):
    with pytest.raises(NginxValueError, match="is not a host name or an IP address"):
        check_host(host)


@pytest.mark.parametrize("port", [1, 65535])
def test_port(port: int):
    assert check_port(port) == port


@pytest.mark.parametrize("port", [0, -1, 65536, True, "80", None, 80.0])
def test_no_port(port: object):
    with pytest.raises(NginxValueError, match="is not a port"):
        check_port(port)


def test_long_text_is_cut_in_the_message():
    assert str(NginxValueError("a host", "x" * 61)) == f"'{'x' * 60}…' is not a host"
    assert str(NginxValueError("a host", "x" * 60)) == f"'{'x' * 60}' is not a host"


def test_refusal_is_a_line():
    assert str(Refusal("logging of loki/0", "no URL")) == "logging of loki/0: no URL"


@pytest.mark.parametrize(
    ("server", "upstream", "root_path", "needed"),
    [
        ("a\nb", "api", "/srv", "a server's name"),
        ("a\x7f", "api", "/srv", "a server's name"),
        ("a", "api\n", "/srv", "an upstream's name"),
        ("a", "", "/srv", "an upstream's name"),
        ("a", "api", "srv", "the path of a folder"),
        ("a", "api", "/srv\x00", "the path of a folder"),
    ],
)
def test_no_word_line_or_path(server: str, upstream: str, root_path: str, needed: str):
    config = _configuration(server, upstream)
    with pytest.raises(NginxValueError, match=f"is not {needed}"):
        config.get_config({upstream: {"a.test"}}, False, root_path=root_path)


def test_no_method():
    location = NginxLocationConfig("/", backend="api", methods=["GET {}"])
    config = NginxConfig("x", [NginxUpstream("api", 80, "api")], {80: [location]})
    with pytest.raises(NginxValueError, match="is not a method"):
        config.get_config({"api": {"a.test"}}, False)


def test_word_line_and_path():
    text = _configuration("any thing; {}", "a.b_c-1").get_config(
        {"a.b_c-1": {"a.test"}}, False, root_path="/srv"
    )
    assert "a.b_c-1" in text


@pytest.mark.parametrize(("address", "shown"), [("fd00::53", "[fd00::53]"), ("10.0.0.53", "10.0.0.53")])
def test_resolver(tmp_path: Any, address: str, shown: str):
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text(f"nameserver {address}\nnameserver fe80::1%eth0\nnameserver a.test\n")
    assert NginxPlatform.here(resolv_conf).resolvers == (shown,)


def _configuration(server: str, upstream: str) -> NginxConfig:
    return NginxConfig(server, [NginxUpstream(upstream, 80, upstream)], {})
