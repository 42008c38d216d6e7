"""Paths of requests, as waypoints hold them against policies.

That is Envoy's normalisation, which Istio has on unless a mesh's `pathNormalization` says otherwise.
https://istio.io/latest/docs/ops/best-practices/security/#understand-path-normalization-in-authorization-policies
"""

import re

_PARAMETERS_OF_DOTS = re.compile(r"(?<=/)(\.\.?);[^/]*")
_NEEDLESS_ESCAPE = re.compile(r"%(2[DE]|3[0-9]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])", re.IGNORECASE)
_IN_NEED_OF_ESCAPE = re.compile(r'["<>^`{|}]')
_SENDABLE = re.compile(r"/[!-~]*")


def is_sendable(path: str) -> bool:
    """Whether a request can have this path; a proxy refuses others before any policy decides."""
    return _SENDABLE.fullmatch(path) is not None and "#" not in path


def normalised(path: str) -> str:
    """A path without a query, in the one way to write it. Several slashes in a row stay several."""
    plain = path.partition("?")[0].replace("\\", "/")
    plain = _PARAMETERS_OF_DOTS.sub(r"\1", plain)
    plain = _NEEDLESS_ESCAPE.sub(lambda found: chr(int(found[1], 16)), plain)
    plain = _IN_NEED_OF_ESCAPE.sub(lambda found: f"%{ord(found[0]):X}", plain)
    return _without_dots(plain)


def _without_dots(path: str) -> str:
    segments: list[str] = []
    *parents, last = path.removeprefix("/").split("/")
    for segment in parents:
        if segment == "..":
            segments = segments[:-1]
        elif segment != ".":
            segments.append(segment)
    if last == "..":
        segments = segments[:-1]
    return "/".join(["", *segments, "" if last in (".", "..") else last])
