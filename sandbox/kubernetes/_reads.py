"""The objects of a cluster, with all operations that read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from copy import deepcopy

from ._json import Object
from ._kinds import KINDS, Kind
from ._records import ListPage, Observer, Records
from ._refusals import not_found
from ._served import kind_of, served_at


class StoredObjects:
    """The objects of a cluster, for reading. Results are copies."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._records = Records(KINDS)

    def kind(self, name: str) -> Kind:
        """The kind of this name, such as `StatefulSet`."""
        return kind_of(name)

    def served(self, group: str, version: str, plural: str) -> Kind:
        """The kind behind a path of the API.

        Raises:
            ApiError: the group is served, but not this resource (404).
            UnknownPathError: nothing of this group is served.
        """
        return served_at(self._records, group, version, plural)

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Call a function after each change, before the request that made it is answered.

        The function's own changes are observed as well. Returns a function that ends this.
        """
        return self._records.observe(observer)

    def find(self, kind: Kind | str, namespace: str, name: str) -> Object | None:
        """The object of this name, if there is one."""
        with self._lock:
            return deepcopy(self._records.find(kind_of(kind), namespace, name))

    def get(self, kind: Kind | str, namespace: str, name: str) -> Object:
        """The object of this name.

        Raises:
            ApiError: there is none (404).
        """
        with self._lock:
            return deepcopy(self._existing(kind_of(kind), namespace, name))

    def objects(self, kind: Kind | str, namespace: str = "", *, labels: str = "") -> list[Object]:
        """The objects of a kind, in all namespaces or one, that a label selector selects."""
        with self._lock:
            return [deepcopy(obj) for obj in self._records.select(kind_of(kind), namespace, labels)]

    def encoded(self, kind: Kind, namespace: str, name: str) -> bytes:
        """The object of this name as JSON.

        Raises:
            ApiError: there is none (404).
        """
        with self._lock:
            self._existing(kind, namespace, name)
            return self._records.encoded(kind, namespace, name)

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
        with self._lock:
            return self._records.page(kind, namespace, labels=labels, fields=fields, limit=limit, after=after)

    def _existing(self, kind: Kind, namespace: str, name: str) -> Object:
        obj = self._records.find(kind, namespace, name)
        if obj is None:
            raise not_found(kind, name)
        return obj
