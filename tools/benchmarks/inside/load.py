"""Sends requests over kept connections, as fast as they are answered, and reports the result."""

import json
import re
import selectors
import socket
import statistics
import sys
import time

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_READ = 1 << 18


class _LoadConnection:
    """One request at a time."""

    def __init__(self, port: int, request: bytes):
        self._request = request
        self._head = b""
        self._left: int | None = None
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def closes(self) -> bool:
        """Whether the server ends the connection with the answer that was received."""
        return b"\r\nConnection: close" in self._head

    def send(self) -> None:
        self._head, self._left = b"", None
        self.sent = time.perf_counter()
        self.socket.sendall(self._request)

    def receive(self) -> bool:
        """Add received bytes, and return whether the answer is complete."""
        data = self.socket.recv(_READ)
        if not data:
            raise ConnectionError("the server hung up")
        if self._left is not None:
            self._left -= len(data)
            return self._left <= 0
        self._head += data
        head, end, body = self._head.partition(b"\r\n\r\n")
        if not end:
            return False
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 204")):
            raise ConnectionError(head[:200].decode())
        length = _LENGTH.search(head)
        self._left = (int(length[1]) if length else 0) - len(body)
        return self._left <= 0


def main(port: int, path: str, body: int, connections: int, seconds: float) -> None:
    """Send requests for some seconds over some connections: GET without a body, POST with one."""
    head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {body}\r\n\r\n"
    request = head.encode() + b"x" * body
    selector = selectors.DefaultSelector()

    def open_one() -> None:
        connection = _LoadConnection(port, request)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.send()

    for _ in range(connections):
        open_one()
    took: list[float] = []
    start = time.perf_counter()
    while (now := time.perf_counter()) - start < seconds:
        for key, _ in selector.select():
            connection = key.data
            if connection.receive():
                took.append(time.perf_counter() - connection.sent)
                if connection.closes:
                    selector.unregister(connection.socket)
                    connection.socket.close()
                    open_one()
                else:
                    connection.send()
    percentiles = statistics.quantiles(took, n=100)
    answer = {
        "requests": len(took),
        "seconds": now - start,
        "median": percentiles[49],
        "p99": percentiles[98],
    }
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
