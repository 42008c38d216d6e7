"""A web server that answers every request.

Usage: python3 web_server.py NAME PORT…
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME, PORTS = sys.argv[1], [int(port) for port in sys.argv[2:]]


class WebHandler(BaseHTTPRequestHandler):
    """Answers every request."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/metrics":
            kind, body = "text/plain", f'up{{name="{NAME}"}} 1\n'
        else:
            kind, body = (
                "application/json",
                json.dumps({"from": NAME, "asked": f"{self.command} {self.path}"}),
            )
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Nothing."""


if __name__ == "__main__":
    servers = [ThreadingHTTPServer(("", port), WebHandler) for port in PORTS]
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()
