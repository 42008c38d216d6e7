"""The API on a port of this machine."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

from ._access import Access
from ._api import Api, LoggedRequest
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
        """Who may not do what."""
        self.controllers = Controllers(self.store)
        """Those who answer to objects, each of which can be stopped."""
        self._api = Api(self.store, self.access)
        self._api.latency = latency
        # asyncio sends small answers at once only on sockets that name their protocol.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(512)
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address of the API."""
        host, port = self._socket.getsockname()
        return f"http://{host}:{port}"

    @property
    def requests(self) -> list[LoggedRequest]:
        """The requests so far; clear the list to count anew."""
        return self._api.requests

    @property
    def latency(self) -> float:
        """Seconds by which each request is delayed."""
        return self._api.latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        self._api.latency = seconds

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
            self._api.app,
            log_config=None,
            log_level="error",
            lifespan="off",
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
