"""Malicious requests."""

import contextlib
import socket


def send(port: int, request: bytes) -> bytes:
    """Return the whole answer to bytes that may not be HTTP."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        answer = b""
        # a server that has refused may close the connection early
        with contextlib.suppress(TimeoutError, ConnectionError):
            connection.sendall(request)
        with contextlib.suppress(TimeoutError, ConnectionError):
            connection.settimeout(0.4)
            while chunk := connection.recv(65536):
                answer += chunk
        return answer


def status(answer: bytes) -> int:
    """The status of the first answer."""
    return int(answer.split(maxsplit=2)[1])
