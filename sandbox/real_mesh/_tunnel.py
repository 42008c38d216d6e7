"""Requests through HBONE: HTTP/2 CONNECT in mutual TLS, as ztunnel sends them for a pod."""

from __future__ import annotations

import contextlib
import io
import socket
import ssl
from collections.abc import Generator
from typing import Any

import h2.connection
import h2.events

from ..mesh import Identity

HBONE_PORT = 15008
_READ = 65535


class TunnelRefusedError(Exception):
    """The other end did not open the tunnel."""


def context(identity: Identity, purpose: ssl.Purpose) -> ssl.SSLContext:
    """Return the TLS context of an identity; names of the other end are not verified."""
    made = ssl.create_default_context(purpose, cafile=str(identity.authority))
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_cert_chain(identity.certificate, identity.key)
    made.set_alpn_protocols(["h2"])
    return made


class Tunnel:
    """A stream of bytes to a server behind the other end."""

    def __init__(self, sock: ssl.SSLSocket, authority: str):
        self._sock = sock
        self._http = h2.connection.H2Connection()
        self._received = b""
        self._status = 0
        self._ended = False
        self._http.initiate_connection()
        self._stream = self._http.get_next_available_stream_id()
        self._http.send_headers(self._stream, [(":method", "CONNECT"), (":authority", authority)])
        self._flush()
        while not self._status:
            self._read()
        if self._status != 200:
            raise TunnelRefusedError(f"{authority}: {self._status}")

    def send(self, data: bytes) -> None:
        """Send bytes within the window of HTTP/2."""
        self._http.send_data(self._stream, data)
        self._flush()

    def receive(self) -> bytes:
        """Return the next bytes; none at the end."""
        while not self._received and not self._ended:
            self._read()
        received, self._received = self._received, b""
        return received

    def makefile(self, _mode: str = "rb") -> io.BufferedReader:
        """Return a file for reading, like that of a socket."""
        return io.BufferedReader(_Reader(self))

    def _read(self) -> None:
        data = self._sock.recv(_READ)
        if not data:
            raise ConnectionError("the connection was closed")
        for event in self._http.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                self._status = int(dict(event.headers)[b":status"])
            elif isinstance(event, h2.events.DataReceived):
                self._received += event.data
                self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                self._ended = True
        self._flush()

    def _flush(self) -> None:
        self._sock.sendall(self._http.data_to_send())


class _Reader(io.RawIOBase):
    def __init__(self, opened: Tunnel):
        self._tunnel = opened
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        received = self._rest or self._tunnel.receive()
        size = min(len(buffer), len(received))
        buffer[:size] = received[:size]
        self._rest = received[size:]
        return size


@contextlib.contextmanager
def tunnel(address: str, identity: Identity, authority: str, timeout: float = 30) -> Generator[Tunnel]:
    """Open a tunnel while the context lasts.

    Args:
        address: a waypoint's, or a node's.
        identity: the identity of the client.
        authority: the destination: an address with its port.
        timeout: the seconds for each step.

    Raises:
        TunnelRefusedError: the other end does not open it.
        OSError: there is no connection, or it ends.
    """
    with (
        socket.create_connection((address, HBONE_PORT), timeout) as plain,
        context(identity, ssl.Purpose.SERVER_AUTH).wrap_socket(plain) as secured,
    ):
        secured.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield Tunnel(secured, authority)
