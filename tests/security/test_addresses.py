"""Addresses that would lead the coordinator's nginx to itself, or to services for its machine alone."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.security.attack import Attack, Seen
from tests.security.databags import HUSH
from tests.security.worlds import COORDINATOR, MODEL, World
from tests.support.nginx_text import arguments, find, parsed

OF_THE_MACHINE = ("127.0.0.1", "::1", "kv.localhost", "ip6-loopback", "2130706433")
OF_THE_PLATFORM = ("169.254.169.254", "fd00:ec2::254", "metadata.google.internal")
OF_THE_COORDINATOR = (
    *("kv.shop.svc.cluster.local", "KV.shop", "kv-0.kv-endpoints.shop.svc.cluster.local"),
    *("kv-1.kv-endpoints.shop.svc.cluster.local", "192.0.2.0"),
)
PROXY_PORT, API_PORT = 3300, 8080


def is_asked(host: str, seen: Seen) -> bool:
    """Return whether nginx sends requests to the host, at any port."""
    upstreams = find(parsed(seen.nginx_conf), "upstream")
    servers = itertools.chain.from_iterable(arguments(upstream[2], "server") for upstream in upstreams)
    return host.lower() in {server[0].lower().rpartition(":")[0].strip("[]") for server in servers}


def test_a_worker_is_not_on_the_coordinators_own_machine(attack: Callable[[World, str], Attack]):
    """There nginx would reach itself, or services of the platform for its machines alone."""
    attacked = attack(COORDINATOR, "demo-cluster")
    for address in (*OF_THE_MACHINE, *OF_THE_PLATFORM, *OF_THE_COORDINATOR):
        sent = {**attacked.valid.unit, "address": json.dumps(address)}
        seen = attacked.hook(replace(attacked.valid, unit=sent))
        assert not is_asked(address, seen), address
        assert "ignored mallory/0: address: " in seen.state.unit_status.message, address


@pytest.mark.parametrize(
    ("hosts", "port"),
    [((*OF_THE_MACHINE, *OF_THE_PLATFORM), 3100), (OF_THE_COORDINATOR, PROXY_PORT)],
    ids=["the machine", "the proxy"],
)
def test_a_telemetry_backend_is_not_on_the_coordinators_own_machine(
    hosts: tuple[str, ...], port: int, attack: Callable[[World, str], Attack]
):
    attacked = attack(COORDINATOR, "logging")
    for host in hosts:
        seen = _logs_to(host, port, attacked)
        status = seen.state.unit_status.message
        assert not is_asked(host, seen), host
        assert "logging of 'mallory/0': 'http://" in status, host
        assert HUSH not in status, host


def test_logs_may_go_to_the_clusters_own_service(attack: Callable[[World, str], Attack]):
    attacked = attack(COORDINATOR, "logging")
    for host in (*OF_THE_COORDINATOR, "loki.cos.svc.cluster.local", "10.1.2.3"):
        assert is_asked(host, _logs_to(host, API_PORT, attacked)), host


def test_what_comes_back_all_the_same_is_refused_at_every_port(attack: Callable[[World, str], Attack]):
    attacked = attack(COORDINATOR, "logging")
    found = find(parsed(_logs_to("loki.example", 3100, attacked).nginx_conf), "server")
    marks: set[str] = set()
    for server in (block for _, _, block in found if block):
        [(condition,)] = arguments(server, "if")
        for _, path, location in find(server, "location"):
            passed_on = arguments(location, "proxy_pass") or arguments(location, "grpc_pass")
            headers = arguments(location, "proxy_set_header") + arguments(location, "grpc_set_header")
            added = {f"($http_{name.lower().replace('-', '_')})": value for name, value in headers}
            assert not passed_on or condition in added, path
            marks |= {added[condition]} if passed_on else set()
    assert marks == {f"kv.shop.{MODEL.uuid}:{port}" for port in (API_PORT, PROXY_PORT)}


def _logs_to(host: str, port: int, attacked: Attack) -> Seen:
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    endpoint = json.dumps({"url": f"http://{authority}/proxy/loki/mallory-0/push/{HUSH}"})
    return attacked.hook(replace(attacked.valid, unit={**attacked.valid.unit, "endpoint": endpoint}))
