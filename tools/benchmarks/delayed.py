"""A proxy that delays the requests to a server."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def delayed(port: int, seconds: float) -> Generator[int]:
    """Listen on a port of this machine, and pass everything to `port` with a delay of `seconds`.

    Answers are not delayed, so that a request with its answer takes this much longer. The bytes are not
    changed, also with TLS.
    """
    loop = asyncio.new_event_loop()
    way = _Way(port, seconds)
    server = loop.run_until_complete(asyncio.start_server(way.accept, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, name="delayed", daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.close()


class _Way:
    def __init__(self, port: int, seconds: float):
        self._port = port
        self._seconds = seconds

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        await asyncio.gather(self._pass(reader, far_writer, self._seconds), self._pass(far_reader, writer, 0))

    @staticmethod
    async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        try:
            while data := await reader.read(1 << 18):
                if seconds:
                    loop.call_later(seconds, writer.write, data)
                else:
                    writer.write(data)
                    await writer.drain()
        except ConnectionError:
            pass
        finally:
            loop.call_later(seconds, writer.close)
