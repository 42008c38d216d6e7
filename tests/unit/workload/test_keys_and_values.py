import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.workload_process import HOST, Workload, free_port, program


@pytest.fixture(scope="module")
def stores(start_for_module) -> list[Workload]:
    return [start_for_module("store") for _ in range(3)]


@pytest.fixture(scope="module")
def api(start_for_module, stores) -> Workload:
    return start_for_module("api", stores=[store.url for store in stores])


def test_what_is_put_is_got_until_it_is_deleted(api):
    assert api.get("colour").status == 404
    assert api.put("colour", b"red").status == 201
    assert api.get("colour").body == b"red"
    assert api.put("colour", b"green").status == 204
    assert api.get("colour").body == b"green"
    assert api.delete("colour").status == 204
    assert api.get("colour").status == 404
    assert api.delete("colour").status == 404


def test_value_is_bytes_of_any_kind_and_may_be_empty(api):
    every_byte = bytes(range(256))
    api.put("bytes", every_byte)
    assert api.get("bytes").body == every_byte
    api.put("bytes", b"")
    assert api.get("bytes").status == 200
    assert api.get("bytes").body == b""


@pytest.mark.parametrize("key", ["a b", "größe", "100%", "k?x=1#y", "日本", "...", "a" * 256, "%2F"])
def test_key_is_any_printable_text_that_is_percent_encoded(api, key):
    assert api.put(key, b"1").status in (201, 204)
    assert api.get(key).body == b"1"


@pytest.mark.parametrize(
    "segment",
    ["", ".", "..", "%2e%2e", "a%2Fb", "a/b", "%00", "a%0Ab", "%ff", "%zz", "%4", "a" * 257, "%C3%BC" * 129],
)
def test_what_is_no_key_is_refused(api, segment):
    assert api.request("PUT", f"/kv/{segment}", b"1").status == 400


def test_query_is_no_part_of_key(api):
    api.put("asked", b"1")
    assert api.request("GET", "/kv/asked?cache=no").body == b"1"


def test_other_methods_and_paths_are_refused(api):
    refused = api.request("POST", "/kv/a", b"1")
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, PUT, DELETE")
    assert api.request("HEAD", "/kv/a").status == 405
    assert api.request("GET", "/elsewhere").status == 404
    assert api.request("BREW", "/kv/a").status == 501


def test_stores_paths_are_not_those_of_api(api, stores):
    api.put("mine", b"1")
    assert api.request("GET", "/store/mine").status == 404
    assert stores[0].get("mine").status == 404


def test_both_roles_together_serve_on_one_port(start):
    port = free_port()
    both = start("all", port=port, stores=[f"http://{HOST}:{port}"])
    both.put("k", b"v")
    assert both.get("k").body == b"v"
    assert both.request("GET", "/store/k").body == b"v"


def test_keys_are_spread_over_all_stores(api, stores):
    before = [store.metric("kv_keys") for store in stores]
    for number in range(60):
        api.put(f"spread-{number}", b"1")
    gained = [store.metric("kv_keys") - was for store, was in zip(stores, before, strict=True)]
    assert sum(gained) == 60
    assert min(gained) >= 5


def test_added_store_moves_its_share_only(start, stores, api):
    keys = [f"moves-{number}" for number in range(90)]
    two = start("api", stores=[store.url for store in stores[:2]])
    for key in keys:
        two.put(key, b"1")
    kept = [key for key in keys if api.get(key).status == 200]
    assert 30 <= len(kept) < 90
    # The values of the third store are back at the other two as soon as it is gone.
    assert all(two.get(key).status == 200 for key in keys)


def test_order_of_stores_does_not_matter(start, stores, api):
    turned = start("api", stores=[store.url for store in reversed(stores)])
    for number in range(20):
        api.put(f"order-{number}", b"1")
        assert turned.get(f"order-{number}").status == 200


def test_store_that_is_down_is_named_and_the_others_go_on(start, stores):
    gone = f"{HOST}:{free_port()}"
    api = start("api", stores=[stores[0].url, f"http://{gone}"])
    answers = {f"secret-{number}": api.put(f"secret-{number}", b"hush") for number in range(40)}
    assert {answer.status for answer in answers.values()} <= {201, 204, 503}
    refused = [answer for answer in answers.values() if answer.status == 503]
    assert 0 < len(refused) < 40
    assert {answer.body for answer in refused} == {f"store {gone} does not answer\n".encode()}
    assert api.metric("kv_shard_failures_total", shard=gone) == len(refused)
    # Once, not for every request; and without the requested key.
    lines = [line for line in api.output.splitlines() if f"store {gone} does not answer" in line]
    assert len(lines) == 1
    assert "secret" not in api.output
    assert "hush" not in api.output


def test_store_that_comes_back_is_used_again(start):
    port = free_port()
    store = start("store", port=port)
    api = start("api", stores=[store.url])
    assert api.put("k", b"v").status == 201
    store.kill()
    assert api.get("k").status == 503
    start("store", port=port)
    assert api.get("k").status == 404, "it begins with nothing"
    assert api.put("k", b"v").status == 201


def test_store_restart_loses_no_request(start):
    port = free_port()
    store = start("store", port=port)
    api = start("api", stores=[store.url])
    api.put("k", b"v")
    store.stop()
    start("store", port=port)
    assert api.put("k", b"v").status == 201


def test_without_store_there_is_no_service(start):
    assert start("api").put("k", b"v").status == 503


def test_a_value_has_a_limit(api):
    limit = 1024 * 1024
    assert api.put("large", b"x" * limit).status in (201, 204)
    assert len(api.get("large").body) == limit
    with socket.create_connection((HOST, api.port)) as connection:
        connection.sendall(
            f"PUT /kv/large HTTP/1.1\r\nHost: x\r\nContent-Length: {limit + 1}\r\n\r\n".encode()
        )
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"Connection: close" in answer


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Transfer-Encoding: chunked", 411),
        ("Content-Length: +4", 400),
        ("Content-Length: 1_0", 400),
        ("Content-Length: 4\r\nContent-Length: 5", 400),
        (f"Content-Length: {'9' * 5000}", 413),
    ],
)
def test_ambiguous_length_ends_connection(api, header, status):
    with socket.create_connection((HOST, api.port)) as connection:
        connection.sendall(f"PUT /kv/a HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert answer.count(b"HTTP/1.1") == 1


def test_full_store_accepts_again_after_delete(start):
    store = start("store")
    megabyte = b"x" * 1024 * 1024
    statuses = [store.request("PUT", f"/store/{number}", megabyte).status for number in range(64)]
    assert statuses == [201] * 63 + [507]
    assert store.metric("kv_stored_bytes") <= 64 * 1024 * 1024
    assert store.request("PUT", "/store/0", b"").status == 204
    assert store.request("PUT", "/store/63", megabyte).status == 201
    for number in range(64):
        store.request("DELETE", f"/store/{number}")
    assert store.metric("kv_stored_bytes") == 0
    assert store.metric("kv_keys") == 0


def test_several_requests_share_connection(api):
    with socket.create_connection((HOST, api.port)) as connection:
        for _ in range(2):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(4096).endswith(b"\r\n\r\nready\n")


def test_expect_continue_is_answered(api):
    with socket.create_connection((HOST, api.port)) as connection:
        connection.sendall(
            b"PUT /kv/asked-first HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"x")
        assert connection.recv(4096).startswith(b"HTTP/1.1 201 ")


def test_workload_needs_nothing_but_standard_library(tmp_path: Path):
    copy = tmp_path / "workload.pyz"
    copy.write_bytes(program().read_bytes())
    command = [sys.executable, "-I", "-S", copy, "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.startswith(
        "demo-worker"
    )
