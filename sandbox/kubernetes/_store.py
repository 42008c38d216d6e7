"""The objects themselves, and every way in which they are read and changed."""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TypeAlias

from . import _ownership
from ._allocation import Allocator
from ._json import Object, labels_of
from ._kinds import CRD, KINDS, NAMESPACE, Kind
from ._ownership import Writer
from ._schema import default_missing, drop_unknown, unknown_fields
from ._selectors import field_selector, label_selector
from ._status import ApiError, Cause, UnknownPathError, bad_request, unknown_resource
from ._validation import check, invalid

ADMIN = Writer("admin", "Update", "v1")
_BUILT_IN_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_KEPT = ("uid", "creationTimestamp", "generation", "resourceVersion", "deletionTimestamp", "managedFields")


@dataclass(frozen=True)
class Change:
    """An object that came (no `old`), changed, or went (no `new`)."""

    kind: Kind
    old: Object | None
    new: Object | None

    @property
    def object(self) -> Object:
        """The object as it is now, or was at last."""
        obj = self.new if self.new is not None else self.old
        assert obj is not None  # noqa: S101 - a change is of something
        return obj


Observer: TypeAlias = Callable[[Change], None]


@dataclass(frozen=True)
class Page:
    """One answer to a list request."""

    kind: Kind
    items: tuple[bytes, ...]
    """The objects as JSON."""
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


_Key: TypeAlias = tuple[str, str]


class Store:
    """The objects of a cluster. What is given out is a copy; what is done is done at once.

    Args:
        custom_resources: whether the CRDs of Istio and of the Gateway API are there from the start.
    """

    def __init__(self, *, custom_resources: bool = True):
        self._lock = threading.RLock()
        self._kinds = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}
        self._by_name = {kind.name: kind for kind in KINDS}
        self._observers: list[Observer] = []
        self._changes: deque[Change] = deque()
        self._notifying = False
        self._custom_resources = custom_resources
        self._versions = itertools.count(1)
        self._start()

    def _start(self) -> None:
        self._version = 0
        self._allocator = Allocator()
        self._records: dict[str, dict[_Key, _Record]] = {kind.name: {} for kind in KINDS}
        for name in _BUILT_IN_NAMESPACES:
            self.create(NAMESPACE, {"metadata": {"name": name}})
        if self._custom_resources:
            self.install_custom_resources()

    def reset(self) -> None:
        """Go back to how a new cluster is. Resource versions go on counting."""
        with self._lock:
            self._start()

    # The kinds that are served

    def kind(self, name: str) -> Kind:
        """The kind of this name, such as `StatefulSet`."""
        return self._by_name[name]

    def served(self, group: str, version: str, plural: str) -> Kind:
        """The kind behind a path of the API.

        Raises:
            ApiError: the group is served, but not this resource (404).
            UnknownPathError: nothing of this group is served.
        """
        kind = self._kinds.get((group, version, plural))
        if kind is not None and self._is_served(kind):
            return kind
        if any(other.group == group and self._is_served(other) and not other.custom for other in KINDS):
            raise unknown_resource()
        raise UnknownPathError

    def install_custom_resources(self, *groups: str) -> None:
        """Create the CRDs of these API groups, or of all that the API knows."""
        for kind in KINDS:
            if kind.custom and (not groups or kind.group in groups) and not self._is_served(kind):
                self.create(CRD, _definition(kind))

    def uninstall_custom_resources(self, *groups: str) -> None:
        """Delete the CRDs of these API groups, or of all, and with them their objects."""
        for kind in KINDS:
            if kind.custom and (not groups or kind.group in groups) and self._is_served(kind):
                self.delete(CRD, "", kind.resource)

    def _is_served(self, kind: Kind) -> bool:
        return not kind.custom or ("", kind.resource) in self._records[CRD.name]

    # Reading

    def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """The object of this name.

        Raises:
            ApiError: there is none (404).
        """
        return deepcopy(self._existing(kind, namespace, name))

    def encoded(self, kind: Kind, namespace: str, name: str) -> bytes:
        """The object of this name as JSON.

        Raises:
            ApiError: there is none (404).
        """
        with self._lock:
            self._existing(kind, namespace, name)
            return _with_kind(kind, self._records[kind.name][namespace, name].body)

    def objects(self, kind: Kind | str, namespace: str = "", *, labels: str = "") -> list[Object]:
        """The objects of a kind, in all namespaces or one, that a label selector takes."""
        with self._lock:
            return [
                deepcopy(record.obj) for _, record in self._select(self._named(kind), namespace, labels, "")
            ]

    def page(
        self, kind: Kind, namespace: str, *, labels: str, fields: str, limit: int, continue_token: str
    ) -> Page:
        """One answer to a list request: at most `limit` objects, if that is not 0.

        Raises:
            ApiError: a selector or token that cannot be read (400).
        """
        with self._lock:
            found = sorted(self._select(kind, namespace, labels, fields), key=lambda one: one[0])
            version = str(self._version)
            if continue_token:
                version, start = _read_token(continue_token)
                found = [one for one in found if one[0] > start]
            rest = len(found) - limit if limit else 0
            if limit:
                found = found[:limit]
            return Page(
                kind,
                tuple(_with_kind(kind, record.body) if kind.custom else record.body for _, record in found),
                version,
                _token(version, found[-1][0]) if rest > 0 else "",
                rest if rest > 0 and not labels and not fields else None,
            )

    def _select(self, kind: Kind, namespace: str, labels: str, fields: str) -> Iterator[tuple[_Key, _Record]]:
        label_match = label_selector(labels) if labels else None
        field_match = field_selector(fields) if fields else None
        for key, record in self._records[kind.name].items():
            if namespace and key[0] != namespace:
                continue
            if label_match and not label_match(labels_of(record.obj)):
                continue
            if field_match and not field_match(record.obj):
                continue
            yield key, record

    def _named(self, kind: Kind | str) -> Kind:
        return kind if isinstance(kind, Kind) else self._by_name[kind]

    def _existing(self, kind: Kind, namespace: str, name: str) -> Object:
        with self._lock:
            record = self._records[kind.name].get((namespace, name))
        if record is None:
            raise _not_found(kind, name)
        return record.obj

    # Writing

    def create(
        self, kind: Kind, obj: Object, *, namespace: str = "", writer: Writer = ADMIN, dry_run: bool = False
    ) -> Object:
        """Add an object.

        Raises:
            ApiError: the name is taken (409), the namespace is missing (404), or the object is refused.
        """
        with self._lock:
            new = deepcopy(obj)
            metadata = new.setdefault("metadata", {})
            if not metadata.get("name") and metadata.get("generateName"):
                metadata["name"] = f"{metadata['generateName']}{uuid.uuid4().hex[:5]}"
            if (namespace, metadata.get("name")) in self._records[kind.name]:
                raise _already_exists(kind, metadata["name"])
            self._complete(kind, new)
            ownership = _ownership.own_update(None, new, kind.schema, writer, _now())
            return self._add(kind, namespace, new, ownership, dry_run)

    def replace(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        obj: Object,
        *,
        subresource: str = "",
        writer: Writer = ADMIN,
        dry_run: bool = False,
    ) -> Object:
        """Put an object in the place of one that exists.

        Raises:
            ApiError: there is none (404), it has changed since (409), or the object is refused.
        """
        with self._lock:
            old = self._existing(kind, namespace, name)
            if kind.custom and not obj["metadata"].get("resourceVersion"):
                cause = [_missing_version()]
                raise invalid(kind, name, cause)
            return self._update(kind, old, deepcopy(obj), subresource, writer, dry_run)

    def patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        transform: Callable[[Object], Object],
        *,
        subresource: str = "",
        writer: Writer = ADMIN,
        dry_run: bool = False,
    ) -> Object:
        """Change an object by a function that makes the new one out of the old.

        Raises:
            ApiError: there is none (404), it has changed since (409), or the result is refused.
        """
        with self._lock:
            old = self._existing(kind, namespace, name)
            new = transform(deepcopy(old))
            if (said := new["metadata"].get("name")) != name:
                raise bad_request(
                    f"the name of the object ({said}) does not match the name on the URL ({name})"
                )
            return self._update(kind, old, new, subresource, writer, dry_run)

    def apply(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        config: Object,
        *,
        writer: Writer,
        force: bool = False,
        subresource: str = "",
        dry_run: bool = False,
    ) -> tuple[Object, bool]:
        """Server-side apply. Returns the object, and whether it was created.

        Raises:
            ApiError: a field belongs to another writer (409), or the object is refused.
        """
        with self._lock:
            if unknown := next(unknown_fields(config, kind.schema), None):
                what = f"{namespace}/{name}; {kind.api_version}, Kind={kind.name}"
                message = (
                    f"failed to create typed patch object ({what}): {unknown}: field not declared in schema"
                )
                raise ApiError(500, "", message)
            live = self._records[kind.name].get((namespace, name))
            old = live.obj if live else None
            _check_version(kind, name, config["metadata"].get("resourceVersion"), old)
            merged, ownership = _ownership.apply(old, config, kind.schema, writer, _now(), force=force)
            if old is None:
                self._complete(kind, merged)
                return self._add(kind, namespace, merged, ownership, dry_run), True
            return self._store_update(kind, old, merged, subresource, ownership, dry_run), False

    def delete(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        resource_version: str = "",
        dry_run: bool = False,
    ) -> Object:
        """Take an object away, or mark it as going while something holds it by a finalizer.

        Raises:
            ApiError: there is none (404), or it is not the one that is meant (409).
        """
        with self._lock:
            old = self._existing(kind, namespace, name)
            for field, label, meant in (
                ("uid", "UID", uid),
                ("resourceVersion", "ResourceVersion", resource_version),
            ):
                if meant and old["metadata"][field] != meant:
                    why = (
                        f"{label} in precondition: {meant}, {label} in object meta: {old['metadata'][field]}"
                    )
                    raise _conflict(kind, name, f"Precondition failed: {why}")
            if dry_run:
                return deepcopy(old)
            if old["metadata"].get("finalizers"):
                new = deepcopy(old)
                new["metadata"].setdefault("deletionTimestamp", _now())
                new["metadata"].setdefault("deletionGracePeriodSeconds", 0)
                self._put(kind, old, new)
                return deepcopy(new)
            self._drop(kind, old)
            return deepcopy(old)

    def delete_collection(self, kind: Kind, namespace: str, *, labels: str = "", fields: str = "") -> None:
        """Delete what selectors take."""
        with self._lock:
            for key, _ in list(self._select(kind, namespace, labels, fields)):
                self.delete(kind, *key)

    def _complete(self, kind: Kind, obj: Object) -> None:
        obj |= {"kind": kind.name, "apiVersion": kind.api_version}
        drop_unknown(obj, kind.schema)
        default_missing(obj, kind.schema)

    def _add(
        self,
        kind: Kind,
        namespace: str,
        obj: Object,
        ownership: tuple[_ownership.Ownership, ...],
        dry_run: bool,
    ) -> Object:
        metadata = obj["metadata"]
        if kind.namespaced:
            metadata["namespace"] = namespace
            self._existing(NAMESPACE, "", namespace)
        else:
            metadata.pop("namespace", None)
        if kind.status and not kind.schema.of("status").default:
            obj.pop("status", None)
        for name in _KEPT:
            metadata.pop(name, None)
        check(kind, obj)
        self._allocator.fill(kind, obj)
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": _now()}
        if kind.generation:
            metadata["generation"] = 1
        metadata["managedFields"] = _ownership.record(ownership)
        if not dry_run:
            self._put(kind, None, obj)
        return deepcopy(obj)

    def _update(
        self, kind: Kind, old: Object, new: Object, subresource: str, writer: Writer, dry_run: bool
    ) -> Object:
        metadata = new["metadata"]
        _check_version(kind, metadata["name"], metadata.get("resourceVersion"), old)
        if (uid := metadata.get("uid")) and uid != old["metadata"]["uid"]:
            why = f"UID in precondition: {uid}, UID in object meta: {old['metadata']['uid']}"
            raise _conflict(kind, metadata["name"], f"Precondition failed: {why}")
        new = self._scoped(kind, old, new, subresource)
        self._complete(kind, new)
        self._allocator.keep(kind, old, new)
        ownership = _ownership.own_update(old, new, kind.schema, writer, _now())
        return self._store_update(kind, old, new, subresource, ownership, dry_run)

    def _scoped(self, kind: Kind, old: Object, new: Object, subresource: str) -> Object:
        """The part of a change that a request can make: of the status, or of all but that."""
        if subresource == "status":
            return old | ({"status": new["status"]} if "status" in new else {})
        if not kind.status:
            return new
        without = {name: value for name, value in new.items() if name != "status"}
        return without | ({"status": old["status"]} if "status" in old else {})

    def _store_update(
        self,
        kind: Kind,
        old: Object,
        new: Object,
        subresource: str,
        ownership: tuple[_ownership.Ownership, ...],
        dry_run: bool,
    ) -> Object:
        new = deepcopy(self._scoped(kind, old, new, subresource))
        self._complete(kind, new)
        self._allocator.keep(kind, old, new)
        metadata, before = new["metadata"], old["metadata"]
        for name in ("namespace", *_KEPT):
            if name in before:
                metadata[name] = before[name]
            else:
                metadata.pop(name, None)
        metadata["managedFields"] = _ownership.record(ownership)
        check(kind, new, old)
        if new == old:
            return deepcopy(old)
        if kind.generation and _asked_for(new) != _asked_for(old):
            metadata["generation"] = before["generation"] + 1
        if dry_run:
            return new
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
            self._drop(kind, old)
        else:
            self._put(kind, old, new)
        return deepcopy(new)

    # The records

    def _put(self, kind: Kind, old: Object | None, new: Object) -> None:
        metadata = new["metadata"]
        self._version = next(self._versions)
        metadata["resourceVersion"] = str(self._version)
        self._records[kind.name][metadata.get("namespace", ""), metadata["name"]] = _Record.of(deepcopy(new))
        self._notify(Change(kind, old, new))

    def _drop(self, kind: Kind, obj: Object) -> None:
        metadata = obj["metadata"]
        self._version = next(self._versions)
        del self._records[kind.name][metadata.get("namespace", ""), metadata["name"]]
        if kind is CRD:
            self._drop_custom_resources(metadata["name"])
        self._notify(Change(kind, obj, None))

    def _drop_custom_resources(self, definition: str) -> None:
        for kind in KINDS:
            if kind.custom and kind.resource == definition:
                for record in list(self._records[kind.name].values()):
                    self._drop(kind, record.obj)

    def observe(self, observer: Observer) -> None:
        """Have a function called after each change, before the request that made it is answered.

        What the function does to the store in turn is observed as well.
        """
        self._observers.append(observer)

    def _notify(self, change: Change) -> None:
        self._changes.append(change)
        if self._notifying:
            return
        self._notifying = True
        try:
            while self._changes:
                change = self._changes.popleft()
                for observer in self._observers:
                    observer(change)
        finally:
            self._notifying = False


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _asked_for(obj: Object) -> Object:
    return {name: value for name, value in obj.items() if name not in ("metadata", "status")}


def _with_kind(kind: Kind, body: bytes) -> bytes:
    return f'{{"kind":"{kind.name}","apiVersion":"{kind.api_version}",'.encode() + body[1:]


def _token(version: str, key: _Key) -> str:
    return base64.urlsafe_b64encode(json.dumps({"rv": version, "start": key}).encode()).decode()


def _read_token(token: str) -> tuple[str, _Key]:
    try:
        said = json.loads(base64.urlsafe_b64decode(token))
        namespace, name = said["start"]
        return said["rv"], (namespace, name)
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise bad_request(f"continue key is not valid: {error}") from error


def _definition(kind: Kind) -> Object:
    names = {
        "kind": kind.name,
        "listKind": f"{kind.name}List",
        "plural": kind.plural,
        "singular": kind.name.lower(),
    }
    version = {"name": kind.version, "served": True, "storage": True}
    return {
        "metadata": {"name": kind.resource},
        "spec": {
            "group": kind.group,
            "names": names,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "versions": [version],
        },
    }


def _not_found(kind: Kind, name: str) -> ApiError:
    return ApiError(
        404,
        "NotFound",
        f'{kind.resource} "{name}" not found',
        resource=kind.plural,
        group=kind.group,
        name=name,
    )


def _already_exists(kind: Kind, name: str) -> ApiError:
    return ApiError(
        409,
        "AlreadyExists",
        f'{kind.resource} "{name}" already exists',
        resource=kind.plural,
        group=kind.group,
        name=name,
    )


def _conflict(kind: Kind, name: str, why: str) -> ApiError:
    return ApiError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}',
        resource=kind.plural,
        group=kind.group,
        name=name,
    )


def _check_version(kind: Kind, name: str, version: str | None, old: Object | None) -> None:
    if version and (old is None or old["metadata"]["resourceVersion"] != version):
        raise _conflict(
            kind,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )


def _missing_version() -> Cause:
    return Cause(
        "FieldValueInvalid", "Invalid value: 0x0: must be specified for an update", "metadata.resourceVersion"
    )
