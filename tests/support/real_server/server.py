"""A real API server with the interface of the stand-in, so that scenarios run on either."""

import http.server
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sandbox.control_plane import StartedKubernetes
from sandbox.kubernetes import Controllers, LoggedRequest
from tests.support.real_server.access import RealAccess
from tests.support.real_server.store import RealStore
from tests.support.real_server.upstream import Upstream

_KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: real
# It is plain HTTP: a client need not load the certificates of the world's authorities.
clusters: [{{name: real, cluster: {{server: "{url}", insecure-skip-tls-verify: true}}}}]
contexts: [{{name: real, context: {{cluster: real, user: {user}, namespace: {namespace}}}}}]
users: [{{name: {user}, user: {{token: {user}}}}}]
"""


class _Server(http.server.ThreadingHTTPServer):
    """Records its own errors: for a charm they are lost connections, which it tolerates."""

    daemon_threads = True

    def __init__(self, *args: Any):
        super().__init__(*args)
        self.errors: list[BaseException] = []

    def handle_error(self, request: object, client_address: object) -> None:
        error = sys.exc_info()[1]
        if error and not isinstance(error, ConnectionError):
            self.errors.append(error)


class RealServer:
    """A real API server with all CRDs, and the stand-in's controllers at work on it.

    Requests arrive by plain HTTP, are recorded, and are passed to the API server in the name of their user;
    the answers are its own. The API server has no controllers and no istiod.
    """

    latency = 0.0

    def __init__(self):
        self.requests: list[LoggedRequest] = []
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def write_kubeconfig(self, path: Path | str, *, user: str = "admin", namespace: str = "default") -> Path:
        file = Path(path)
        file.write_text(_KUBECONFIG.format(url=self.url, user=user, namespace=namespace))
        return file

    def __enter__(self) -> "RealServer":
        with ExitStack() as stack:
            kubernetes = stack.enter_context(StartedKubernetes(watch_cache=False))
            kubernetes.install_custom_resources("security.istio.io", "gateway.networking.k8s.io")
            self.upstream = Upstream(kubernetes.admin)
            self.store = RealStore(kubernetes, self.upstream)
            self.access = RealAccess(self.upstream)
            self.controllers = Controllers(self.store)  # type: ignore[arg-type]
            self._serve(stack, self.upstream)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        for error in self._server.errors:
            raise error

    def _serve(self, stack: ExitStack, upstream: Upstream) -> None:
        real = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def log_message(self, *_: object) -> None:
                pass

            def _handle(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = self.path.partition("?")[0]
                real.requests.append(LoggedRequest(self.command, path))
                time.sleep(real.latency)
                user = self.headers.get("Authorization", "").removeprefix("Bearer ")

                def send():
                    return upstream.send(
                        self.command,
                        self.path,
                        body,
                        content_type=self.headers.get("Content-Type", "application/json"),
                        speaking_for=(user, real.access.group_of(user)),
                    )

                answer = send() if self.command == "GET" else real.store.write(self.command, path, send)
                content = answer.text.encode()
                self.send_response(answer.code)
                self.send_header("Content-Type", answer.content_type)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 - names of http.server

        self._server = _Server(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        stack.callback(self._server.server_close)
        stack.callback(thread.join)
        stack.callback(self._server.shutdown)
