"""A Kubernetes API that fails as a test sets it."""

import http.client
import http.server
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from sandbox.kubernetes import VERBS

KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: faulty
# It is plain HTTP: a client need not load the certificates of the world's authorities.
clusters: [{{name: faulty, cluster: {{server: "{url}", insecure-skip-tls-verify: true}}}}]
contexts: [{{name: faulty, context: {{cluster: faulty, user: {user}, namespace: m}}}}]
users: [{{name: {user}, user: {{token: {user}}}}}]
"""
FAULTS = (409, 429, 500, 503, "hang up", "hang up after", "not json", "no type", "nonsense")
"""Those that take no time."""


class Permission(NamedTuple):
    """The permission that a request needs, in the terms of Kubernetes' roles."""

    group: str
    resource: str
    """The plural; with a slash and the subresource, if it is about one."""
    verb: str

    @classmethod
    def of(cls, method: str, path: str) -> "Permission":
        """Return the permission that a request needs."""
        parts = urlsplit(path).path.strip("/").split("/")
        group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1], parts[3:])
        if rest[0] == "namespaces" and len(rest) > 2:
            rest = rest[2:]
        resource, name, subresource = [*rest, "", ""][:3]
        verb = VERBS[method, bool(name)]
        return cls(group, f"{resource}/{subresource}" if subresource else resource, verb)


class FaultyServer:
    """Passes requests on to an API server, and adds faults to some of them.

    `plan` is called with the method and path of each request beforehand, and returns None or one of:

    - a status code (429 comes with Retry-After), `"not json"`, `"no type"`: such an answer;
    - `"hang up"`, `"hang"`: no answer;
    - `"hang up after"`, `"nonsense"`: the request is done, and there is no answer, or half of one;
    - `"slow"`: the answer after `slowness` seconds; `"drip"`: so long between any two bytes of it.

    Args:
        upstream: the URL of the API server.
    """

    def __init__(self, upstream: str):
        self.plan: Callable[[str, str], int | str | None] = lambda *_: None
        self.slowness = 0.0
        self.seen: list[str] = []
        """The methods of the requests so far."""
        self.permissions: set[Permission] = set()
        """All that the requests so far were in need of."""
        self.granted: frozenset[Permission] | None = None
        """All that anybody may do; None: everything."""
        self._let_go = threading.Event()
        faulty, address = self, urlsplit(upstream)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def setup(self) -> None:
                super().setup()
                self._upstream = http.client.HTTPConnection(address.hostname or "", address.port)

            def finish(self) -> None:
                self._upstream.close()
                super().finish()

            def log_message(self, *_: object) -> None:
                pass

            def _handle(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                faulty.seen.append(self.command)
                needed = Permission.of(self.command, self.path)
                faulty.permissions.add(needed)
                if faulty.granted is not None and needed not in faulty.granted:
                    self._refuse(403, f'User "charm" cannot {needed.verb} resource "{needed.resource}"')
                    return
                match faulty.plan(self.command, self.path):
                    case None:
                        self._answer(*self._pass_on(body))
                    case "hang":
                        faulty._let_go.wait()
                        self.close_connection = True
                    case "hang up":
                        self.close_connection = True
                    case "hang up after":
                        self._pass_on(body)
                        self.close_connection = True
                    case "slow":
                        answer = self._pass_on(body)
                        faulty._let_go.wait(faulty.slowness)
                        self._answer(*answer)
                    case "drip":
                        self._answer(*self._pass_on(body), piece=1)
                    case "not json":
                        self._answer(502, "application/json", b"<html>")
                    case "no type":
                        self._answer(503, None, b"")
                    case "nonsense":
                        self._pass_on(body)
                        self._answer(200, "application/json", b'{"items": 3')
                    case code:
                        self._refuse(int(code), f"answer {code} as planned")

            do_GET = do_PATCH = do_POST = do_DELETE = do_PUT = _handle  # noqa: N815 - names of http.server

            def _pass_on(self, body: bytes) -> tuple[int, str | None, bytes]:
                self._upstream.request(self.command, self.path, body, dict(self.headers))
                answer = self._upstream.getresponse()
                return answer.status, answer.getheader("Content-Type"), answer.read()

            def _refuse(self, code: int, message: str) -> None:
                status = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
                body = json.dumps({**status, "message": message, "code": code})
                self._answer(code, "application/json", body.encode())

            def _answer(self, code: int, content_type: str | None, body: bytes, piece: int = 0) -> None:
                self.send_response(code)
                if content_type:
                    self.send_header("Content-Type", content_type)
                if code == 429:
                    self.send_header("Retry-After", "1")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    for start in range(0, len(body), piece) if piece else ():
                        self.wfile.write(body[start : start + piece])
                        self.wfile.flush()
                        time.sleep(faulty.slowness)
                    if not piece:
                        self.wfile.write(body)
                        self.wfile.flush()
                except OSError:  # the client did not want to wait
                    self.close_connection = True

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def write_kubeconfig(self, path: Path, *, user: str = "someone") -> Path:
        """Write a kubeconfig for requests to this server, and return its path."""
        path.write_text(KUBECONFIG.format(url=f"http://127.0.0.1:{self._server.server_port}", user=user))
        return path

    def __enter__(self) -> "FaultyServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._let_go.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
