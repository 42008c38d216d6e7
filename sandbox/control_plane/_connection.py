"""Requests to a Kubernetes API without a client library, so that its answers are unchanged."""

from __future__ import annotations

import base64
import functools
import json
import ssl
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ._errors import ControlPlaneError


@dataclass(frozen=True)
class ApiAnswer:
    """The answer of a server."""

    code: int
    content_type: str
    text: str

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


@dataclass(frozen=True)
class Kubeconfig:
    """The cluster and the user of a kubeconfig's current context."""

    cluster: dict[str, Any]
    user: dict[str, Any]

    @classmethod
    def load(cls, path: Path) -> Kubeconfig:
        """Read a kubeconfig whose user has a token or a certificate.

        Raises:
            ControlPlaneError: it cannot be read, has no current context, or its user has neither.
        """
        try:
            config = yaml.safe_load(path.read_text())
        except OSError as error:
            raise ControlPlaneError(
                f"the kubeconfig cannot be read, which KUBECONFIG should name: {error}"
            ) from None
        named = {
            group: {one["name"]: one[group.removesuffix("s")] for one in config[group]}
            for group in ("clusters", "contexts", "users")
        }
        context = named["contexts"].get(config.get("current-context"))
        if not context:
            raise ControlPlaneError(
                f"{path} has no current context: choose one by `kubectl config use-context`"
            )
        cluster = _with_data(named["clusters"][context["cluster"]], path.parent)
        user = _with_data(named["users"][context["user"]], path.parent)
        if user and not user.keys() & {"token", "client-certificate-data"}:
            raise ControlPlaneError(
                f"the user {context['user']} of {path} has {', '.join(sorted(user))}, but neither a token "
                "nor a certificate: give it a token, such as `kubectl create token` makes"
            )
        return cls(cluster, user)

    def connection(self) -> Connection:
        """Requests of this user to this cluster."""
        certificate = (self.user.get(f"client-{part}-data", "") for part in ("certificate", "key"))
        return Connection(
            self.cluster["server"],
            self.user.get("token", ""),
            _decode(self.cluster.get("certificate-authority-data", "")),
            "".join(map(_decode, certificate)),
        )


def _with_data(entry: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A cluster or user of a kubeconfig, with the content of the files that it names."""
    read = {
        f"{name}-data": encode((folder / entry[name]).read_text())
        for name in ("certificate-authority", "client-certificate", "client-key")
        if name in entry
    }
    return {name: value for name, value in entry.items() if f"{name}-data" not in read} | read


def encode(text: str) -> str:
    """Text as a kubeconfig holds it."""
    return base64.b64encode(text.encode()).decode()


def _decode(data: str) -> str:
    return base64.b64decode(data).decode()


@dataclass(frozen=True)
class Connection:
    """An API, and the user of the requests."""

    url: str
    token: str = ""
    authority: str = ""
    """The certificate (PEM) of who vouches for the server; none for plain HTTP."""
    certificate: str = ""
    """The user's certificate and key (PEM), if it does not authenticate by a token."""

    @classmethod
    def of(cls, kubeconfig: Path) -> Connection:
        """The connection that a kubeconfig describes."""
        return Kubeconfig.load(kubeconfig).connection()

    def anonymous(self) -> Connection:
        """Return the same API for anonymous requests."""
        return Connection(self.url, authority=self.authority)

    def send(
        self, method: str, path: str, body: object = None, *, content_type: str = "application/json"
    ) -> ApiAnswer:
        """Send a request; an error is an answer as well.

        Args:
            method: the HTTP method.
            path: the path with its query.
            body: bytes, or what becomes JSON.
            content_type: what the body is.

        Raises:
            OSError: the server cannot be reached.
        """
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310 - our own server
        context = _context(self.authority, self.certificate)
        try:
            with urllib.request.urlopen(request, context=context) as response:  # noqa: S310 - our own server
                return ApiAnswer(
                    response.status, response.headers.get("Content-Type", ""), response.read().decode()
                )
        except urllib.error.HTTPError as error:
            with error:
                return ApiAnswer(error.code, error.headers.get("Content-Type", ""), error.read().decode())

    def must(self, method: str, path: str, body: object = None, **options: str) -> Any:
        """Send a request that has to succeed, and return the JSON of its answer.

        Raises:
            ControlPlaneError: it was refused.
        """
        answer = self.send(method, path, body, **options)
        if answer.code >= 300:
            raise ControlPlaneError(f"{method} {path}: {answer.code} {answer.text[:500]}")
        return answer.json


@functools.cache
def _context(authority: str, certificate: str) -> ssl.SSLContext | None:
    if not authority:
        return None
    context = ssl.create_default_context(cadata=authority)
    if certificate:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(certificate)
            file.flush()
            context.load_cert_chain(file.name)
    return context
