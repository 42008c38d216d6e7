"""A client of istiod that acts as a proxy: it requests configuration, acknowledges it, and counts it.

Only the needed fields of the messages are read and written; Envoy's discovery.proto has all.
"""

import queue
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc

ADDRESSES = "type.googleapis.com/istio.workload.Address"
AUTHORIZATIONS = "type.googleapis.com/istio.security.Authorization"
CLUSTERS = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
LISTENERS = "type.googleapis.com/envoy.config.listener.v3.Listener"
_STREAM = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
_VERSION = "1.31.0"
_UNLIMITED = [("grpc.max_receive_message_length", -1)]
# Numbers of fields.
_NODE, _TYPE, _SUBSCRIBE, _ACKNOWLEDGE = 1, 2, 3, 6
_NODE_ID, _NODE_METADATA = 1, 3
_RESOURCE, _RESOURCE_TYPE, _NONCE = 2, 4, 5


@dataclass(frozen=True)
class Received:
    """One answer of istiod."""

    time: float
    type: str
    size: int
    """Bytes."""
    resources: int
    message: bytes


class XdsClient:
    """The configuration that one proxy has received so far."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self._changed = threading.Condition()

    def add(self, received: Received) -> None:
        """Add an answer."""
        with self._changed:
            self.received.append(received)
            self._changed.notify_all()

    def wait_for(self, mark: bytes, seconds: float) -> Received:
        """Wait for an answer that contains these bytes.

        Raises:
            RuntimeError: none has come.
        """
        end = time.monotonic() + seconds
        seen = 0
        with self._changed:
            while True:
                for received in self.received[seen:]:
                    if mark in received.message:
                        return received
                seen = len(self.received)
                if not self._changed.wait(end - time.monotonic()) and time.monotonic() >= end:
                    raise RuntimeError(f"istiod has sent no {mark.decode()} in {seconds:.0f} s")

    def wait_until_quiet(self, seconds: float) -> None:
        """Wait until nothing arrives for this time."""
        with self._changed:
            while self._changed.wait(seconds):
                pass


@contextmanager
def connected(address: str, node: str, types: Sequence[str], **metadata: str) -> Generator[XdsClient]:
    """Connect to istiod while the context lasts, and request all resources of these types.

    Args:
        address: the address of istiod without TLS.
        node: the kind of proxy, its address, and its name, as in `ztunnel~10.0.0.1~name.namespace~domain`.
        types: the types of resources.
        metadata: further metadata of the node.
    """
    requests: queue.Queue[bytes | None] = queue.Queue()
    described = _field(_NODE, _field(_NODE_ID, node.encode()) + _field(_NODE_METADATA, _struct(metadata)))
    for number, kind in enumerate(types):
        subscribed = _field(_TYPE, kind.encode()) + _field(_SUBSCRIBE, b"*")
        requests.put(subscribed if number else described + subscribed)
    client = XdsClient()
    with grpc.insecure_channel(address, options=_UNLIMITED) as channel:
        call: Any = channel.stream_stream
        stream = call(_STREAM)(iter(requests.get, None))
        thread = threading.Thread(target=_receive, args=(stream, requests, client), daemon=True)
        thread.start()
        try:
            yield client
        finally:
            requests.put(None)
            stream.cancel()
            thread.join()


def _receive(stream: Iterator[bytes], requests: "queue.Queue[bytes | None]", client: XdsClient) -> None:
    try:
        for message in stream:
            now = time.monotonic()
            fields = list(_fields(message))
            [kind] = [value for number, value in fields if number == _RESOURCE_TYPE]
            [nonce] = [value for number, value in fields if number == _NONCE]
            requests.put(_field(_TYPE, kind) + _field(_ACKNOWLEDGE, nonce))
            resources = sum(number == _RESOURCE for number, _ in fields)
            client.add(Received(now, kind.decode(), len(message), resources, message))
    except grpc.RpcError:
        pass  # the stream ends with the context


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _struct(values: dict[str, str]) -> bytes:
    """Return a google.protobuf.Struct of texts."""
    return b"".join(
        _field(1, _field(1, key.encode()) + _field(2, _field(3, value.encode())))
        for key, value in values.items()
    )


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Return the fields of a message that have a length."""
    place = 0
    while place < len(message):
        tag, place = _read_varint(message, place)
        length, place = _read_varint(message, place)
        if tag & 7 == 2:
            yield tag >> 3, message[place : place + length]
            place += length


def _read_varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, place
