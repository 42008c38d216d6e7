"""The answer to an HTTP request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus


@dataclass(frozen=True)
class Answer:
    """The answer to a request."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def problem(status: HTTPStatus, detail: str, **headers: str) -> Answer:
    """Return an answer that refuses a request."""
    return Answer(status, f"{detail}\n".encode(), headers=headers)
