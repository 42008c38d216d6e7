"""The HTTP server: connections, their limits, and draining them."""

import contextlib
import http.server
import logging
import socket
import socketserver
import sys
import threading
from collections.abc import Generator
from http import HTTPStatus
from typing import Any

from ._answer import Answer, problem
from ._metrics import Metrics
from ._service import KeyValueService
from ._tls import Certificate
from ._version import VERSION

DRAIN_SECONDS = 10
"""Time that `WorkloadServer.drain` takes at most."""

_MAX_VALUE_BYTES = 1024 * 1024
_MAX_CONNECTIONS = 256
# Longer than nginx keeps idle connections (60), so that it never sends into a connection that is being
# closed.
_IDLE_SECONDS = 75

logger = logging.getLogger("kv")


class RequestHandler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(message)s\n"
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1  # so that an answer goes out in one piece
    server: "WorkloadServer"  # pyright: ignore[reportIncompatibleVariableOverride] - no other server makes these

    def handle_any(self) -> None:
        """Answer one request."""
        with self.server.request_in_flight():
            body = self._body()
            if body is None:
                return
            path = self.path.partition("?")[0]
            traceparent = self.headers.get("traceparent", "")
            self._send(self.server.service.answer(self.command, path, body, traceparent))

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = do_PATCH = do_OPTIONS = handle_any  # noqa: N815 - http.server's names

    def _body(self) -> bytes | None:
        """Read the body; close the connection if it is invalid, as the next request cannot be found then."""
        lengths = self.headers.get_all("Content-Length", ["0"])
        length = lengths[0]
        if "Transfer-Encoding" in self.headers:
            refusal = problem(
                HTTPStatus.LENGTH_REQUIRED, "the length of the body is missing: send Content-Length"
            )
        elif len(lengths) > 1 or not (length.isascii() and length.isdigit()):
            refusal = problem(HTTPStatus.BAD_REQUEST, "Content-Length is not one number")
        elif len(length) > 18 or int(length) > _MAX_VALUE_BYTES:
            refusal = problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {_MAX_VALUE_BYTES} bytes")
        else:
            body = self.rfile.read(int(length))
            if len(body) == int(length):
                return body
            refusal = problem(HTTPStatus.BAD_REQUEST, "the body ends too early")
        self.close_connection = True
        self._send(refusal)
        return None

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection or self.server.draining:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self.wfile.flush()

    def handle_expect_100(self) -> bool:
        """Ask the client for its body."""
        go_on = super().handle_expect_100()
        self.wfile.flush()
        return go_on

    def version_string(self) -> str:
        """Return the value of the `Server` header."""
        return f"demo-worker/{VERSION}"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing: `KeyValueService` reports every request."""


class WorkloadServer(http.server.ThreadingHTTPServer):
    """A server with one thread a connection, and `_MAX_CONNECTIONS` of them at most."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self,
        address: str,
        port: int,
        service: KeyValueService,
        metrics: Metrics,
        certificate: Certificate | None,
    ):
        self.service = service
        self.draining = False
        self._metrics = metrics
        self._certificate = certificate
        self._slots = threading.BoundedSemaphore(_MAX_CONNECTIONS)
        self._in_flight = 0
        self._idle = threading.Condition()
        self._dual_stack = not address and socket.has_dualstack_ipv6()
        if self._dual_stack or ":" in address:
            self.address_family = socket.AF_INET6
        super().__init__((address, port), RequestHandler)

    def server_bind(self) -> None:
        """Bind to the address; to IPv4 and IPv6 if it is empty."""
        if self._dual_stack:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        # Not HTTPServer's, which looks up the name of the address: that can take seconds.
        socketserver.TCPServer.server_bind(self)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; its thread does the TLS handshake, so that a slow client delays no other."""
        connection, address = super().get_request()
        if self._certificate:
            context = self._certificate.context()
            connection = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for a connection."""
        if not self._slots.acquire(blocking=False):
            self._metrics.refused_connections.add()
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._slots.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - socketserver's signature
        """Log an error of this program; a client that disconnects or does not use TLS is not one."""
        if not isinstance(sys.exc_info()[1], OSError):
            logger.exception("a request failed")

    @contextlib.contextmanager
    def request_in_flight(self) -> Generator[None]:
        """Make `drain` wait while a request is being answered."""
        with self._idle:
            self._in_flight += 1
        try:
            yield
        finally:
            with self._idle:
                self._in_flight -= 1
                self._idle.notify_all()

    def drain(self) -> bool:
        """Stop accepting connections, and return whether all requests in flight were answered in time."""
        self.draining = True
        self.shutdown()
        self.server_close()
        with self._idle:
            return self._idle.wait_for(lambda: self._in_flight == 0, DRAIN_SECONDS)
