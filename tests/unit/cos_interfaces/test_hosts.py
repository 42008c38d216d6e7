"""A host and a port, joined so that a URL parser finds both again."""

from urllib.parse import urlsplit

import pytest

from cos_interfaces import authority


@pytest.mark.parametrize(
    "host",
    [
        "10.1.2.3",
        "worker-0.worker-endpoints.m.svc",
        "fd00::1",
        "::1",
        "::ffff:10.1.2.3",
        "2001:db8:0:0:0:0:0:1",
    ],
)
def test_parser_finds_host_and_port_again(host: str):
    parts = urlsplit(f"http://{authority(host, 8080)}/metrics")
    assert (parts.hostname, parts.port) == (host, 8080)
    assert urlsplit(f"http://{authority(host)}/").hostname == host


def test_what_is_no_address_is_left_as_it_is():
    assert authority("[fd00::1]", 80) == "[fd00::1]:80"
    assert authority("a_b.example") == "a_b.example"
