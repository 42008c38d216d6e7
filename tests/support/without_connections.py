"""Requests to the stand-in without a connection: HTTP takes a quarter of the CPU time of scenarios."""

from collections.abc import Generator
from contextlib import contextmanager

import pytest

# In either line of lightkube's releases it is here: `httpx` before 1.0, `httpx2` since.
from lightkube.core.exceptions import httpx  # pyright: ignore[reportPrivateImportUsage]  # see above

from sandbox.kubernetes import ApiRequest, KubernetesServer


@contextmanager
def without_connections(server: KubernetesServer) -> Generator[None]:
    """Have lightkube's clients in this process call a server, unless it delays its answers.

    A client still makes each request and reads each answer. The tests of `k8s_charm`, of the contract and of
    faults use connections, also such as fail, and so do, on a real server, all scenarios about Kubernetes.
    """
    by_http = httpx.HTTPTransport.handle_request

    def handle_request(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        url = request.url
        if server.latency or f"{url.scheme}://{url.netloc.decode()}" != server.url:
            return by_http(transport, request)
        answer = server.answer(
            ApiRequest(request.method, url.path, dict(url.params), request.headers, request.read())
        )
        return httpx.Response(
            answer.code, headers={"Content-Type": answer.media_type}, content=answer.body, request=request
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx.HTTPTransport, "handle_request", handle_request)
        yield
