"""Keys and values in memory."""

import re
import threading
import urllib.parse
from http import HTTPStatus

from ._answer import Answer, problem

_MAX_KEY_BYTES = 256
_MAX_STORE_BYTES = 64 * 1024 * 1024
_ENTRY_BYTES = 256  # approximately the overhead of Python for a key and its value


class KeyRefusedError(ValueError):
    """An invalid key in a path; the message is the reason."""


def key_from(segment: str) -> str:
    """Decode the key in a path.

    Raises:
        KeyRefusedError: if it is empty, too long, not printable UTF-8, or could be read as a path.
    """
    if not segment.isascii() or re.search(r"%(?![0-9A-Fa-f]{2})", segment):
        raise KeyRefusedError("a key is percent-encoded")
    encoded = urllib.parse.unquote_to_bytes(segment)
    if not 0 < len(encoded) <= _MAX_KEY_BYTES:
        raise KeyRefusedError(f"a key has 1 to {_MAX_KEY_BYTES} bytes")
    try:
        key = encoded.decode()
    except UnicodeDecodeError:
        raise KeyRefusedError("a key is UTF-8") from None
    if not key.isprintable() or "/" in key or key in (".", ".."):
        raise KeyRefusedError("a key is printable, has no '/', and is neither '.' nor '..'")
    return key


def _entry_size(key: str, value: bytes) -> int:
    return len(key.encode()) + len(value) + _ENTRY_BYTES


class Store:
    """The share of the keys that this process holds."""

    def __init__(self, limit: int = _MAX_STORE_BYTES):
        self.size = 0
        self._limit = limit
        self._values: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def answer(self, method: str, key: str, value: bytes) -> Answer:
        """Get, put or delete a value."""
        if method == "PUT":
            return self._put(key, value)
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return problem(HTTPStatus.NOT_FOUND, "no such key")
            if method == "GET":
                return Answer(HTTPStatus.OK, found, "application/octet-stream")
            del self._values[key]
            self.size -= _entry_size(key, found)
            return Answer(HTTPStatus.NO_CONTENT)

    def _put(self, key: str, value: bytes) -> Answer:
        with self._lock:
            old = self._values.get(key)
            growth = _entry_size(key, value) - (0 if old is None else _entry_size(key, old))
            if self.size + growth > self._limit:
                return problem(HTTPStatus.INSUFFICIENT_STORAGE, "this store is full")
            self._values[key] = value
            self.size += growth
            return Answer(HTTPStatus.CREATED if old is None else HTTPStatus.NO_CONTENT)
