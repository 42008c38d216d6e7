"""Records what telemetry the workload sends."""

import http.server
import socketserver
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.support.workload_process import HOST


@dataclass(frozen=True)
class Received:
    time: float
    path: str
    headers: dict[str, str]
    body: bytes


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    # Without looking up the address's name, which it does not have.
    server_bind = socketserver.TCPServer.server_bind


class Backend:
    """Answers every POST with `status`, and records it."""

    def __init__(self, port: int = 0):
        backend = self
        self.status = 204
        self.received: list[Received] = []
        self._changed = threading.Condition()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                with backend._changed:
                    backend.received.append(Received(time.monotonic(), self.path, headers, body))
                    backend._changed.notify_all()
                self.send_response(backend.status)
                if backend.status == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            def do_GET(self) -> None:
                raise AssertionError("nobody asks a telemetry backend for anything")

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Server((HOST, port), Handler)
        self.port: int = self._server.server_address[1]
        self.url = f"http://{HOST}:{self.port}"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def wait_for(self, enough: Callable[[list[Received]], bool], seconds: float = 10) -> list[Received]:
        with self._changed:
            assert self._changed.wait_for(lambda: enough(self.received), seconds), self.received
            return list(self.received)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
