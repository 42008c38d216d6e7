"""The other end of HBONE: takes the connections for all pods, as ztunnel does on a node."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from cryptography import x509

from ..mesh import Identity
from ._tunnel import HBONE_PORT, context

_READ = 65535

Admit = Callable[[str, str], "tuple[str, int] | None"]
"""Returns the address on this machine for a principal and the address and port of its connection."""


class Node:
    """Takes HBONE connections while its context lasts.

    Args:
        address: the loopback address at which it listens.
        identity: its identity.
        admit: returns the destination of a connection; None if policies deny it.
    """

    def __init__(self, address: str, identity: Identity, admit: Admit):
        self._address = address
        self._context = context(identity, ssl.Purpose.CLIENT_AUTH)
        self._admit = admit
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="node", daemon=True)

    def __enter__(self) -> Node:
        self._thread.start()
        self._server = self._run(
            asyncio.start_server(self._serve, self._address, HBONE_PORT, ssl=self._context)
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, task: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(task, self._loop).result(30)

    async def _end(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            await _Connection(reader, writer, self._admit).serve()


class _Connection:
    """One connection, with any number of tunnels."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, admit: Admit):
        self._reader = reader
        self._writer = writer
        self._admit = admit
        self._principal = _principal(writer.get_extra_info("ssl_object"))
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self._backends: dict[int, asyncio.StreamWriter] = {}
        self._pending: dict[int, bytes] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        self._http.initiate_connection()
        self._flush()
        try:
            while data := await self._reader.read(_READ):
                for event in self._http.receive_data(data):
                    await self._handle(event)
                self._flush()
        finally:
            for backend in self._backends.values():
                backend.close()

    async def _handle(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            await self._open(event.stream_id, dict(event.headers)[b":authority"].decode())
        elif isinstance(event, h2.events.DataReceived):
            self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if backend := self._backends.get(event.stream_id):
                backend.write(event.data)
        elif isinstance(event, h2.events.WindowUpdated):
            for stream in list(self._pending):
                self._send(stream, b"")
        elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
            self._close(event.stream_id)

    def _close(self, stream: int) -> None:
        if backend := self._backends.pop(stream, None):
            backend.close()

    async def _open(self, stream: int, authority: str) -> None:
        place = self._admit(self._principal, authority)
        if place is None:
            self._http.send_headers(stream, [(":status", "401")], end_stream=True)
            return
        try:
            reader, writer = await asyncio.open_connection(*place)
        except OSError:
            self._http.send_headers(stream, [(":status", "503")], end_stream=True)
            return
        self._backends[stream] = writer
        self._http.send_headers(stream, [(":status", "200")])
        task = asyncio.create_task(self._answer(stream, reader))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, stream: int, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError, h2.exceptions.ProtocolError):
            while data := await reader.read(_READ):
                self._send(stream, data)
            while stream in self._pending:
                await asyncio.sleep(0.01)
            self._http.end_stream(stream)
            self._flush()

    def _send(self, stream: int, data: bytes) -> None:
        """Send what fits into the window, and keep the rest until the window grows."""
        data = self._pending.pop(stream, b"") + data
        while data:
            size = min(self._http.local_flow_control_window(stream), self._http.max_outbound_frame_size)
            if size <= 0:
                self._pending[stream] = data
                break
            self._http.send_data(stream, data[:size])
            data = data[size:]
        self._flush()

    def _flush(self) -> None:
        self._writer.write(self._http.data_to_send())


def _principal(tls: ssl.SSLObject) -> str:
    """The name in the certificate of the other end, as policies have it."""
    certificate = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    [uri] = names.get_values_for_type(x509.UniformResourceIdentifier)
    return uri.removeprefix("spiffe://")
