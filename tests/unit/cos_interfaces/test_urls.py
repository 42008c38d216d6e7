"""A URL from a relation is valid for every program that gets it."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ops import testing

from cos_interfaces import check_authority_or_url, check_url, prometheus_remote_write, tracing


@pytest.mark.parametrize(
    ("url", "normalised"),
    [
        ("HTTP://tempo:4318", "http://tempo:4318"),
        ("hTTpS://Tempo.example/Path?Query", "https://Tempo.example/Path?Query"),
        ("http://[FD00::1]:80/", "http://[FD00::1]:80/"),
        ("http://user:pw@tempo_1/", "http://user:pw@tempo_1/"),
    ],
)
def test_scheme_is_in_lower_case(url: str, normalised: str):
    assert check_url(url) == normalised
    assert check_authority_or_url(url) == normalised


@pytest.mark.parametrize(
    "url",
    [
        *("http://a..b/", "http://.a/", "http://a./", f"http://{'a' * 64}.test/", f"http://{'a.' * 127}a/"),
        *("http://[::::]/", "http://[1.2.3.4]/", "http://[fe80::1%25eth0]/", "http://[::1/", "http://[]/"),
        *("http://-a/", "http://a-/", "http:///x", "HTTP:tempo", "http:/tempo", "htt\u017f://tempo"),
        *("http://tempo\0/", "http://tempo/\n", "http://tempo/\x7f", "http://tempo/\ud800", "http://größe/"),
    ],
)
def test_unusable_url_is_rejected(url: str):
    with pytest.raises(ValueError):
        check_url(url)
    with pytest.raises(ValueError):
        check_authority_or_url(url)


@pytest.mark.parametrize(
    ("authority", "reason"),
    [
        ("[::::]:80", "no host"),
        ("[]:80", "no host"),
        ("[::1]x:80", "no host"),
        ("tempo:80x", "no host"),
        ("tempo:0", "port"),
        ("tempo:65536", "port"),
        ("tempo:", "port"),
    ],
)
def test_authority_is_host_and_port(authority: str, reason: str):
    for address in (authority, f"http://{authority}/"):
        with pytest.raises(ValueError):
            check_authority_or_url(address)
    with pytest.raises(ValueError, match=reason):
        check_authority_or_url(authority)


@pytest.mark.parametrize("port", [1, 65535])
def test_port_is_taken_up_to_its_limits(port: int):
    assert check_authority_or_url(f"tempo:{port}") == f"tempo:{port}"


@given(st.text("aZ0.-_[]:", min_size=1, max_size=70))
def test_host_that_is_taken_can_be_looked_up(host: str):
    url = f"http://{host}/"
    try:
        check_url(url)
    except ValueError:
        return
    assert (urlsplit(url).hostname or "").encode("idna")


def test_receiver_and_backend_get_normalised_url(act):
    receiver = {"protocol": {"name": "otlp_http", "type": "http"}, "url": "HTTP://tempo:4318"}
    tempo = testing.Relation("tracing", remote_app_data={"receivers": f"[{receiver!r}]".replace("'", '"')})
    assert act(tracing.receivers, tempo).result == {"otlp_http": "http://tempo:4318"}
    mimir = testing.Relation(
        "send-remote-write", remote_units_data={0: {"remote_write": '{"url": "HTTPS://mimir/push"}'}}
    )
    assert act(prometheus_remote_write.push_urls, mimir).result == ["https://mimir/push"]
