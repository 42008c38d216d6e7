"""A Kubernetes API that goes wrong when told to."""

import http.client
import http.server
import json
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: faulty
clusters: [{{name: faulty, cluster: {{server: "{url}"}}}}]
contexts: [{{name: faulty, context: {{cluster: faulty, user: someone, namespace: m}}}}]
users: [{{name: someone, user: {{token: someone}}}}]
"""


class FaultyServer:
    """Stands before an API server, passes requests on, and does to some of them what `plan` says.

    `plan` is called with the method and path of each request, and says None or one of:
    a status code, `"hang up"`, `"hang"`, `"not json"`, `"no type"`, `"nonsense"`.
    """

    def __init__(self, upstream: str):
        self.plan: Callable[[str, str], int | str | None] = lambda *_: None
        self.seen: list[str] = []
        self._let_go = threading.Event()
        faulty, address = self, urlsplit(upstream)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def log_message(self, *_: object) -> None:
                pass

            def _handle(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                faulty.seen.append(self.command)
                match faulty.plan(self.command, self.path):
                    case None:
                        self._pass_on(body)
                    case "hang":
                        faulty._let_go.wait()
                        self.close_connection = True
                    case "hang up":
                        self.close_connection = True
                    case "not json":
                        self._answer(502, "application/json", b"<html>")
                    case "no type":
                        self._answer(503, None, b"")
                    case "nonsense":
                        self._answer(200, "application/json", b'{"items": 3')
                    case code:
                        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
                        message = {"message": f"answer {code} as planned", "code": code}
                        self._answer(
                            int(code), "application/json", json.dumps({**status, **message}).encode()
                        )

            do_GET = do_PATCH = do_POST = do_DELETE = _handle  # noqa: N815 - names of http.server

            def _pass_on(self, body: bytes) -> None:
                connection = http.client.HTTPConnection(address.hostname or "", address.port)
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                self._answer(answer.status, answer.getheader("Content-Type"), answer.read())
                connection.close()

            def _answer(self, code: int, content_type: str | None, body: bytes) -> None:
                self.send_response(code)
                if content_type:
                    self.send_header("Content-Type", content_type)
                if code == 429:
                    self.send_header("Retry-After", "1")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def write_kubeconfig(self, path: Path) -> Path:
        path.write_text(KUBECONFIG.format(url=f"http://127.0.0.1:{self._server.server_port}"))
        return path

    def __enter__(self) -> "FaultyServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._let_go.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
