"""The API on a port of this machine."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from ._access import Access
from ._api import Api, ApiRequest, ApiResponse
from ._controllers import Controllers
from ._store import ObjectStore

_IDLE_SECONDS = 90
"""How long connections stay open that nothing comes over, as at kube-apiserver."""

_KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: sandbox
clusters:
- name: sandbox
  cluster:
    server: {url}
    # It is plain HTTP: a client need not load the certificates of the world's authorities.
    insecure-skip-tls-verify: true
contexts:
- name: sandbox
  context:
    cluster: sandbox
    user: {user}
    namespace: {namespace}
users:
- name: {user}
  user:
    token: {user}
"""


class LoggedRequest(NamedTuple):
    """A request that the API was sent."""

    method: str
    path: str
    """The path without its query."""


class KubernetesServer:
    """A Kubernetes API held in memory and served on 127.0.0.1 while its context lasts.

    Example:
        ```python
        with KubernetesServer() as kubernetes:
            kubernetes.write_kubeconfig(path)
            client = lightkube.Client(lightkube.KubeConfig.from_file(path))
        ```

    Args:
        latency: seconds by which each request is delayed.
        custom_resources: whether the CRDs of Istio and of the Gateway API are there from the start.
    """

    def __init__(self, *, latency: float = 0, custom_resources: bool = True):
        self.store = ObjectStore(custom_resources=custom_resources)
        """The objects."""
        self.access = Access()
        """The requests that are denied."""
        self.controllers = Controllers(self.store)
        """The controllers, each of which can be stopped."""
        self.latency = latency
        """Seconds by which each request is delayed that comes by HTTP."""
        self.requests: list[LoggedRequest] = []
        """The requests so far; clear the list to count anew."""
        self._api = Api(self.store, self.access)
        # asyncio sends small answers at once only on sockets with an explicit protocol.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(512)
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address of the API."""
        host, port = self._socket.getsockname()
        return f"http://{host}:{port}"

    def answer(self, request: ApiRequest) -> ApiResponse:
        """Return the answer to a request that needs no connection."""
        self.requests.append(LoggedRequest(request.method, request.path))
        return self._api.answer(request)

    def write_kubeconfig(self, path: Path | str, *, user: str = "admin", namespace: str = "default") -> Path:
        """Write a kubeconfig for this API and return its path.

        Args:
            path: the file to write.
            user: whom the requests come from, by a bearer token of the same name.
            namespace: the default namespace of a client.
        """
        file = Path(path)
        file.write_text(_KUBECONFIG.format(url=self.url, user=user, namespace=namespace))
        return file

    def __enter__(self) -> KubernetesServer:
        import uvicorn

        config = uvicorn.Config(
            self._serve,
            log_config=None,
            log_level="error",
            lifespan="off",
            interface="asgi3",
            proxy_headers=False,
            ws="none",
            timeout_keep_alive=_IDLE_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="kubernetes", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        if self._thread is not None:
            self._thread.join()
        self._socket.close()

    async def _serve(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """Answer a request that came by HTTP, as an ASGI application."""
        body, is_all = b"", False
        while not is_all:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            is_all = not message.get("more_body")
        if self.latency:
            await asyncio.sleep(self.latency)
        query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        answer = self.answer(ApiRequest(scope["method"], scope["path"], query, headers, body))
        fields = {"content-type": answer.media_type, "content-length": str(len(answer.body))}
        sent = [(name.encode(), value.encode()) for name, value in fields.items()]
        await send({"type": "http.response.start", "status": answer.code, "headers": sent})
        await send({"type": "http.response.body", "body": answer.body})
