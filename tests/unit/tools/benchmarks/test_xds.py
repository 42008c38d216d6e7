"""A proxy that requests configuration from a server of the discovery protocol."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from typing import Any

import grpc
import pytest

from tools.benchmarks.xds import AUTHORIZATIONS, CLUSTERS, connected

SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
NODE = "ztunnel~10.0.0.1~ztunnel.istio-system~istio-system.svc.cluster.local"


def field(number: int, value: bytes) -> bytes:
    assert len(value) < 128
    return bytes([number << 3 | 2, len(value)]) + value


RESPONSE = b"".join(
    [
        field(1, b"version"),
        field(2, field(3, b"app-1.policy")),
        field(2, field(3, b"app-2.policy")),
        field(4, AUTHORIZATIONS.encode()),
        field(5, b"nonce-1"),
    ]
)


class Discovery:
    """A server that answers the first request, and records it."""

    def __init__(self) -> None:
        self.requests: Queue[bytes] = Queue()

    def stream(self, requests: Iterator[bytes], _: grpc.ServicerContext) -> Iterator[bytes]:
        for number, request in enumerate(requests):
            self.requests.put(request)
            if not number:
                yield RESPONSE


@pytest.fixture
def discovery() -> Iterator[tuple[Discovery, str]]:
    discovery = Discovery()
    handler: Any = grpc.stream_stream_rpc_method_handler(discovery.stream)
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(SERVICE, {"DeltaAggregatedResources": handler})]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield discovery, f"127.0.0.1:{port}"
    server.stop(None).wait()


def test_what_comes_is_counted_and_acknowledged(discovery: tuple[Discovery, str]):
    server, address = discovery
    with connected(address, NODE, [AUTHORIZATIONS, CLUSTERS], CLUSTER_ID="Kubernetes") as client:
        received = client.wait_for(b"app-2.policy", 30)
        requested = [server.requests.get(timeout=30) for _ in range(3)]
    assert (received.type, received.resources, received.size) == (AUTHORIZATIONS, 2, len(RESPONSE))
    first, second, acknowledgement = requested
    assert all(each in first for each in (NODE.encode(), b"CLUSTER_ID", AUTHORIZATIONS.encode(), b"*"))
    assert CLUSTERS.encode() in second
    assert NODE.encode() not in second
    assert acknowledgement == field(2, AUTHORIZATIONS.encode()) + field(6, b"nonce-1")


def test_what_does_not_come_is_named(discovery: tuple[Discovery, str]):
    _, address = discovery
    with connected(address, NODE, [AUTHORIZATIONS]) as client, pytest.raises(RuntimeError, match=r"app-3"):
        client.wait_for(b"app-3", 0.5)
