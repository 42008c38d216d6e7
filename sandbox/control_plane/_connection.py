"""Requests to a Kubernetes API without a client library, so that its answers are seen as they are."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ._errors import ControlPlaneError


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    code: int
    content_type: str
    text: str

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


@dataclass(frozen=True)
class Connection:
    """An API and the user that asks it."""

    url: str
    token: str
    certificate: Path | None = None
    """The authority that vouches for the server; none for plain HTTP."""

    @classmethod
    def of(cls, kubeconfig: Path) -> Connection:
        """The connection of a kubeconfig whose user has a token."""
        config = yaml.safe_load(kubeconfig.read_text())
        named = {
            group: {one["name"]: one[group.removesuffix("s")] for one in config[group]}
            for group in ("clusters", "contexts", "users")
        }
        context = named["contexts"][config["current-context"]]
        cluster = named["clusters"][context["cluster"]]
        certificate = cluster.get("certificate-authority")
        return cls(
            cluster["server"],
            named["users"][context["user"]]["token"],
            Path(certificate) if certificate else None,
        )

    def send(
        self, method: str, path: str, body: object = None, *, content_type: str = "application/json"
    ) -> Answer:
        """Send a request; a refusal is an answer as well.

        Args:
            method: the HTTP method.
            path: the path with its query.
            body: bytes, or what becomes JSON.
            content_type: what the body is.

        Raises:
            OSError: the server cannot be reached.
        """
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": content_type,
            "Accept": "application/json",
        }
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310 - our own server
        context = ssl.create_default_context(cafile=self.certificate) if self.certificate else None
        try:
            with urllib.request.urlopen(request, context=context) as response:  # noqa: S310 - our own server
                return Answer(
                    response.status, response.headers.get("Content-Type", ""), response.read().decode()
                )
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers.get("Content-Type", ""), error.read().decode())

    def must(self, method: str, path: str, body: object = None, **options: str) -> Any:
        """Send a request that has to succeed, and return the JSON of its answer.

        Raises:
            ControlPlaneError: it was refused.
        """
        answer = self.send(method, path, body, **options)
        if answer.code >= 300:
            raise ControlPlaneError(f"{method} {path}: {answer.code} {answer.text[:500]}")
        return answer.json
