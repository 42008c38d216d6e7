"""The Status bodies of rejected requests, in the words of a real API server."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ._json import Object


@dataclass(frozen=True)
class Cause:
    """One error in an object."""

    reason: str
    message: str
    field: str


def invalid_value(field: str, value: object, why: str) -> Cause:
    """A field with an invalid value."""
    return Cause("FieldValueInvalid", f"Invalid value: {_compact(value)}: {why}", field)


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def required(field: str, why: str = "") -> Cause:
    """A required field that is missing."""
    return Cause("FieldValueRequired", f"Required value: {why}" if why else "Required value", field)


def unsupported(field: str, value: object, supported: Sequence[str]) -> Cause:
    """A field with a value that is not one of its words."""
    words = ", ".join(json.dumps(word) for word in supported)
    message = f"Unsupported value: {json.dumps(value)}: supported values: {words}"
    return Cause("FieldValueNotSupported", message, field)


def forbidden_change(field: str, why: str) -> Cause:
    """A field that may not be set, or not any more."""
    return Cause("FieldValueForbidden", f"Forbidden: {why}", field)


class ErrorSubject(NamedTuple):
    """The subject of a request, as far as that is known."""

    resource: str = ""
    group: str = ""
    name: str = ""


_NOTHING = ErrorSubject()


class ApiError(Exception):
    """A request that the API rejects."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        subject: ErrorSubject = _NOTHING,
        *,
        causes: Sequence[Cause] = (),
        details: bool = True,
    ):
        super().__init__(message)
        self.code = code
        self._reason = reason
        self._details: Object | None = None
        if details:
            named = {"name": subject.name, "group": subject.group, "kind": subject.resource}
            self._details = {key: value for key, value in named.items() if value}
            if causes:
                self._details["causes"] = [vars(cause) for cause in causes]

    def body(self) -> Object:
        """Return the Status object for the client."""
        status: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        status["message"] = str(self)
        if self._reason:
            status["reason"] = self._reason
        if self._details is not None:
            status["details"] = self._details
        return status | {"code": self.code}


class UnknownPathError(Exception):
    """A path that no API serves; the answer to it is plain text, not a Status."""


def bad_request(message: str) -> ApiError:
    """400: the request is malformed."""
    return ApiError(400, "BadRequest", message, details=False)


def unknown_resource() -> ApiError:
    """404: the API group is served, but not this resource of it."""
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def internal_error(message: str) -> ApiError:
    """500: the API's answer to some invalid requests."""
    return ApiError(500, "", message, details=False)
