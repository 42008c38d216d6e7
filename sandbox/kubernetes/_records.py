"""The objects as they are kept: by kind, namespace and name, each with its version."""

from __future__ import annotations

import base64
import binascii
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import TypeAlias

from ._json import Object, labels_of
from ._kinds import Kind
from ._selectors import field_selector, label_selector
from ._status import bad_request

Key: TypeAlias = tuple[str, str]
"""Namespace and name; the namespace of what has none is empty."""


@dataclass(frozen=True)
class ObjectChange:
    """An object that was created (no `old`), changed, or deleted (no `new`)."""

    kind: Kind
    old: Object | None
    new: Object | None

    @property
    def object(self) -> Object:
        """The object as it is now, or was before its deletion."""
        obj = self.new if self.new is not None else self.old
        assert obj is not None  # noqa: S101 - a change is of something
        return obj


Observer: TypeAlias = Callable[[ObjectChange], None]


@dataclass(frozen=True)
class ListPage:
    """One answer to a list request."""

    kind: Kind
    items: tuple[bytes, ...]
    """The objects as JSON, in the order of their names."""
    resource_version: str
    continue_token: str = ""
    remaining: int | None = None


@dataclass(frozen=True)
class _Record:
    obj: Object
    body: bytes
    """The object as JSON, without its kind and apiVersion."""

    @classmethod
    def of(cls, obj: Object) -> _Record:
        body = {name: value for name, value in obj.items() if name not in ("kind", "apiVersion")}
        return cls(obj, json.dumps(body, separators=(",", ":")).encode())


Snapshot: TypeAlias = Mapping[Kind, Mapping[Key, _Record]]
"""All objects at a time."""


class Records:
    """Keeps objects, counts their versions, and reports changes to observers.

    Objects are returned without a copy: copy one before changing it.
    """

    def __init__(self, kinds: Iterable[Kind]):
        self._kept: dict[Kind, dict[Key, _Record]] = {kind: {} for kind in kinds}
        self._version = 0
        self._observers: list[Observer] = []
        self._changes: deque[ObjectChange] = deque()
        self._reporting = False

    def clear(self) -> None:
        """Forget all objects, without a report to observers."""
        for kept in self._kept.values():
            kept.clear()

    def snapshot(self) -> Snapshot:
        """All objects as they are, for `restore`."""
        return {kind: dict(kept) for kind, kept in self._kept.items()}

    def restore(self, snapshot: Snapshot) -> None:
        """Replace all objects by those of a snapshot, and report these as new."""
        self._kept = {kind: dict(kept) for kind, kept in snapshot.items()}
        for kind, kept in snapshot.items():
            for record in kept.values():
                self._report(ObjectChange(kind, None, record.obj))

    def find(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The object of this name, if there is one."""
        record = self._kept[kind].get((namespace, name))
        return record.obj if record else None

    def encoded(self, kind: Kind, namespace: str, name: str) -> bytes:
        """An object that exists, as JSON."""
        return _with_kind(kind, self._kept[kind][namespace, name].body)

    def select(self, kind: Kind, namespace: str, labels: str = "", fields: str = "") -> Iterator[Object]:
        """The objects that selectors take, in all namespaces or one.

        Raises:
            ApiError: a selector is invalid (400).
        """
        for _, record in self._select(kind, namespace, labels, fields):
            yield record.obj

    def page(
        self,
        kind: Kind,
        namespace: str,
        *,
        labels: str = "",
        fields: str = "",
        limit: int = 0,
        after: str = "",
    ) -> ListPage:
        """One answer to a list request: at most `limit` objects, if that is not 0, `after` a token.

        Raises:
            ApiError: a selector or token is invalid (400).
        """
        found = sorted(self._select(kind, namespace, labels, fields), key=lambda one: one[0])
        version = str(self._version)
        if after:
            version, start = _read_token(after)
            found = [one for one in found if one[0] > start]
        rest = max(0, len(found) - limit) if limit else 0
        if rest:
            found = found[:limit]
        return ListPage(
            kind,
            tuple(_with_kind(kind, record.body) if kind.custom else record.body for _, record in found),
            version,
            _token(version, found[-1][0]) if rest else "",
            rest if rest and not labels and not fields else None,
        )

    def _select(self, kind: Kind, namespace: str, labels: str, fields: str) -> Iterator[tuple[Key, _Record]]:
        takes_labels = label_selector(labels) if labels else None
        takes_fields = field_selector(fields, kind.name) if fields else None
        for key, record in self._kept[kind].items():
            if namespace and key[0] != namespace:
                continue
            if takes_labels and not takes_labels(labels_of(record.obj)):
                continue
            if takes_fields and not takes_fields(record.obj):
                continue
            yield key, record

    def put(self, kind: Kind, old: Object | None, new: Object) -> None:
        """Store a new object, or the new version of an old one."""
        metadata = new["metadata"]
        metadata["resourceVersion"] = self._next_version()
        kept = deepcopy(new)
        self._kept[kind][metadata.get("namespace", ""), metadata["name"]] = _Record.of(kept)
        self._report(ObjectChange(kind, old, kept))

    def drop(self, kind: Kind, obj: Object) -> None:
        """Remove an object."""
        metadata = obj["metadata"]
        del self._kept[kind][metadata.get("namespace", ""), metadata["name"]]
        last = obj | {"metadata": metadata | {"resourceVersion": self._next_version()}}
        self._report(ObjectChange(kind, last, None))

    def _next_version(self) -> str:
        self._version += 1
        return str(self._version)

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Call a function after each change.

        Returns a function that ends this. The function's own changes are reported after it has returned.
        """
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def _report(self, change: ObjectChange) -> None:
        self._changes.append(change)
        if self._reporting:
            return
        self._reporting = True
        try:
            while self._changes:
                change = self._changes.popleft()
                for observer in list(self._observers):
                    observer(change)
        finally:
            self._reporting = False


def _with_kind(kind: Kind, body: bytes) -> bytes:
    return f'{{"kind":"{kind.name}","apiVersion":"{kind.api_version}",'.encode() + body[1:]


def _token(version: str, key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps({"rv": version, "start": key}).encode()).decode()


def _read_token(token: str) -> tuple[str, Key]:
    try:
        token_fields = json.loads(base64.urlsafe_b64decode(token))
        namespace, name = token_fields["start"]
        return token_fields["rv"], (namespace, name)
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise bad_request(f"continue key is not valid: {error}") from error
