"""The objects of a cluster, and every way in which they are read and changed."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from copy import deepcopy
from datetime import datetime, timezone

from ._defaults import Allocator, imply, keep
from ._json import Object, mapping
from ._kinds import CRD, KINDS, NAMESPACE, Kind
from ._ownership import Ownership, Writer, own_update, record
from ._ownership import apply as merge_applied
from ._records import ListPage, Observer, Records
from ._refusals import (
    already_exists,
    check_preconditions,
    check_uid,
    check_version,
    not_found,
    version_required,
)
from ._schema import complete
from ._status import UnknownPathError, bad_request, unknown_resource
from ._validation import check, check_applied, check_types

ADMIN = Writer("admin", "Update", "v1")
_BUILT_IN_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_SERVERS_OWN = (
    *("uid", "creationTimestamp", "generation", "resourceVersion"),
    *("deletionTimestamp", "deletionGracePeriodSeconds", "managedFields"),
)


class ObjectStore:
    """The objects of a cluster. What is given out is a copy; what is done is done at once, and by any thread.

    Args:
        custom_resources: whether the CRDs of Istio and of the Gateway API are there from the start.
    """

    def __init__(self, *, custom_resources: bool = True):
        self._lock = threading.RLock()
        self._paths = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}
        self._names = {kind.name: kind for kind in KINDS}
        self._records = Records(KINDS)
        self._allocator = Allocator()
        self._unwritten: set[str] = set()
        """The uids of objects whose default status is kept only from their next write on."""
        self._custom_resources = custom_resources
        self.reset()

    def reset(self) -> None:
        """Make it a new cluster. Resource versions go on counting."""
        with self._lock:
            self._records.clear()
            for name in _BUILT_IN_NAMESPACES:
                self.create(NAMESPACE, {"metadata": {"name": name}})
            if self._custom_resources:
                self.install_custom_resources()

    def kind(self, name: str) -> Kind:
        """The kind of this name, such as `StatefulSet`."""
        return self._names[name]

    def served(self, group: str, version: str, plural: str) -> Kind:
        """The kind behind a path of the API.

        Raises:
            ApiError: the group is served, but not this resource (404).
            UnknownPathError: nothing of this group is served.
        """
        kind = self._paths.get((group, version, plural))
        if kind is not None and self._is_served(kind):
            return kind
        if any(other.group == group and not other.custom for other in KINDS):
            raise unknown_resource()
        raise UnknownPathError

    def install_custom_resources(self, *groups: str) -> None:
        """Create the CRDs of these API groups, or of all that are known, where they are missing."""
        for kind in _custom_kinds(groups):
            if not self._is_served(kind):
                self.create(CRD, _definition(kind))

    def uninstall_custom_resources(self, *groups: str) -> None:
        """Delete the CRDs of these API groups, or of all, and with them their objects."""
        for kind in _custom_kinds(groups):
            if self._is_served(kind):
                self.delete(CRD, "", kind.resource)

    def _is_served(self, kind: Kind) -> bool:
        return not kind.custom or self._records.find(CRD, "", kind.resource) is not None

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Have a function called after each change, before the request that made it is answered.

        What the function does to the store in turn is observed as well. Returns what ends it.
        """
        return self._records.observe(observer)

    def find(self, kind: Kind | str, namespace: str, name: str) -> Object | None:
        """The object of this name, if there is one."""
        with self._lock:
            return deepcopy(self._records.find(self._kind(kind), namespace, name))

    def get(self, kind: Kind | str, namespace: str, name: str) -> Object:
        """The object of this name.

        Raises:
            ApiError: there is none (404).
        """
        with self._lock:
            return deepcopy(self._existing(self._kind(kind), namespace, name))

    def objects(self, kind: Kind | str, namespace: str = "", *, labels: str = "") -> list[Object]:
        """The objects of a kind, in all namespaces or one, that a label selector takes."""
        with self._lock:
            return [deepcopy(obj) for obj in self._records.select(self._kind(kind), namespace, labels)]

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
            ApiError: a selector or token that cannot be read (400).
        """
        with self._lock:
            return self._records.page(kind, namespace, labels=labels, fields=fields, limit=limit, after=after)

    def _kind(self, kind: Kind | str) -> Kind:
        return kind if isinstance(kind, Kind) else self._names[kind]

    def _existing(self, kind: Kind, namespace: str, name: str) -> Object:
        obj = self._records.find(kind, namespace, name)
        if obj is None:
            raise not_found(kind, name)
        return obj

    def create(
        self,
        kind: Kind | str,
        obj: Object,
        *,
        namespace: str = "",
        writer: Writer = ADMIN,
        dry_run: bool = False,
    ) -> Object:
        """Add an object and return it.

        Raises:
            ApiError: the name is taken (409), the namespace is missing (404), or the object is refused.
        """
        kind = self._kind(kind)
        with self._lock:
            new = deepcopy(obj)
            metadata = new["metadata"]
            if not metadata.get("name") and metadata.get("generateName"):
                metadata["name"] = f"{metadata['generateName']}{uuid.uuid4().hex[:5]}"
            check_types(kind, new)
            _normalise(kind, new)
            ownership = own_update(None, new, kind.schema, writer, _now())
            return self._add(kind, namespace, new, ownership, dry_run)

    def replace(
        self,
        kind: Kind | str,
        namespace: str,
        name: str,
        obj: Object,
        *,
        writer: Writer = ADMIN,
        dry_run: bool = False,
    ) -> Object:
        """Put an object in the place of one that exists, and return it.

        Raises:
            ApiError: there is none (404), it has changed since (409), or the object is refused.
        """
        kind = self._kind(kind)
        with self._lock:
            old = self._existing(kind, namespace, name)
            if kind.custom and not obj["metadata"].get("resourceVersion"):
                raise version_required(kind, name)
            new = deepcopy(obj)
            check_types(kind, new)
            return self._change(kind, old, new, writer, dry_run)

    def patch(
        self,
        kind: Kind | str,
        namespace: str,
        name: str,
        transform: Callable[[Object], Object],
        *,
        writer: Writer = ADMIN,
        dry_run: bool = False,
    ) -> Object:
        """Change an object by a function that makes the new one out of the old, and return it.

        Raises:
            ApiError: there is none (404), it has changed since (409), or the result is refused.
        """
        kind = self._kind(kind)
        with self._lock:
            old = self._existing(kind, namespace, name)
            new = transform(deepcopy(old))
            new["metadata"] = mapping(new.get("metadata"))
            if (other := new["metadata"].get("name", "")) != name:
                raise bad_request(
                    f"the name of the object ({other}) does not match the name on the URL ({name})"
                )
            check_types(kind, new, patched=True)
            return self._change(kind, old, new, writer, dry_run)

    def apply(
        self,
        kind: Kind | str,
        namespace: str,
        config: Object,
        *,
        writer: Writer,
        force: bool = False,
        dry_run: bool = False,
    ) -> tuple[Object, bool]:
        """Server-side apply. Returns the object, and whether it was created.

        Raises:
            ApiError: a field belongs to another writer (409), or the object is refused.
        """
        kind, name = self._kind(kind), config["metadata"]["name"]
        with self._lock:
            old = self._records.find(kind, namespace, name)
            if old is None and writer.subresource:
                raise not_found(kind, name)
            check_applied(kind, namespace, name, config)
            merged, ownership = merge_applied(old, config, kind.schema, writer, _now(), force=force)
            if old is not None:
                check_version(kind, name, config["metadata"].get("resourceVersion"), old)
            if old is None:
                _normalise(kind, merged)
                return self._add(kind, namespace, merged, ownership, dry_run), True
            return self._keep(kind, old, merged, writer.subresource, ownership, dry_run), False

    def delete(
        self,
        kind: Kind | str,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        resource_version: str = "",
        dry_run: bool = False,
    ) -> Object:
        """Take an object away, or mark it as going while a finalizer holds it. Returns its last state.

        Raises:
            ApiError: there is none (404), or it is not the one that is meant (409).
        """
        kind = self._kind(kind)
        with self._lock:
            old = self._existing(kind, namespace, name)
            check_preconditions(kind, old, uid, resource_version)
            last = deepcopy(old)
            if dry_run:
                return last
            if last["metadata"].get("finalizers"):
                last["metadata"].setdefault("deletionTimestamp", _now())
                last["metadata"].setdefault("deletionGracePeriodSeconds", 0)
                if last != old:
                    self._records.put(kind, old, last)
            else:
                self._drop(kind, old)
            return last

    def delete_collection(
        self, kind: Kind | str, namespace: str, *, labels: str = "", fields: str = ""
    ) -> None:
        """Delete what selectors take."""
        kind = self._kind(kind)
        with self._lock:
            for obj in list(self._records.select(kind, namespace, labels, fields)):
                self.delete(kind, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])

    def _add(
        self, kind: Kind, namespace: str, obj: Object, ownership: Sequence[Ownership], dry_run: bool
    ) -> Object:
        metadata = obj["metadata"]
        if kind.namespaced:
            metadata["namespace"] = namespace
            self._existing(NAMESPACE, "", namespace)
        else:
            metadata.pop("namespace", None)
        if kind.status:
            obj.pop("status", None)
            _normalise(kind, obj)
        for name in _SERVERS_OWN:
            metadata.pop(name, None)
        check(kind, obj)
        if self._records.find(kind, namespace, metadata["name"]):
            raise already_exists(kind, metadata["name"])
        self._allocator.fill(kind, obj)
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": _now()}
        if kind.generation:
            metadata["generation"] = 1
        _record_owners(obj, ownership)
        if not dry_run:
            self._records.put(kind, None, obj)
            if kind.schema.of("status").default:
                self._unwritten.add(metadata["uid"])
        return obj

    def _change(self, kind: Kind, old: Object, new: Object, writer: Writer, dry_run: bool) -> Object:
        name, subresource = old["metadata"]["name"], writer.subresource
        check_version(kind, name, new["metadata"].get("resourceVersion"), old)
        check_uid(kind, name, new["metadata"].get("uid"), old)
        new = _within(kind, old, new, subresource)
        _normalise(kind, new)
        keep(kind, old, new)
        ownership = own_update(old, new, kind.schema, writer, _now())
        return self._keep(kind, old, new, subresource, ownership, dry_run)

    def _keep(
        self,
        kind: Kind,
        old: Object,
        new: Object,
        subresource: str,
        ownership: Sequence[Ownership],
        dry_run: bool,
    ) -> Object:
        new = deepcopy(_within(kind, old, new, subresource))
        _normalise(kind, new)
        keep(kind, old, new)
        if kind.custom and subresource:
            new["metadata"] = deepcopy(old["metadata"])
        metadata, before = new["metadata"], old["metadata"]
        for name in ("namespace", *_SERVERS_OWN):
            metadata.pop(name, None)
            if name in before:
                metadata[name] = before[name]
        _record_owners(new, ownership)
        check(kind, new, old)
        if new == old and metadata["uid"] not in self._unwritten:
            return new
        if kind.generation and _specification(new) != _specification(old):
            metadata["generation"] = before["generation"] + 1
        if dry_run:
            return new
        self._unwritten.discard(metadata["uid"])
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
            self._drop(kind, old)
        else:
            self._records.put(kind, old, new)
        return new

    def _drop(self, kind: Kind, obj: Object) -> None:
        if kind is CRD:
            for custom in _custom_kinds(()):
                if custom.resource == obj["metadata"]["name"]:
                    self.delete_collection(custom, "")
        self._records.drop(kind, obj)


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _custom_kinds(groups: Sequence[str]) -> list[Kind]:
    return [kind for kind in KINDS if kind.custom and (not groups or kind.group in groups)]


def _normalise(kind: Kind, obj: Object) -> None:
    obj |= {"kind": kind.name, "apiVersion": kind.api_version}
    complete(obj, kind.schema)
    imply(kind, obj)


def _within(kind: Kind, old: Object, new: Object, subresource: str) -> Object:
    """The part of a change that a request can make: to the status, or to all but that."""
    if subresource == "status":
        # Labels and the like pass on this way as well; a custom resource then only notes who owned them.
        changed = {name: new[name] for name in ("metadata", "status") if name in new}
        return old | changed
    if not kind.status:
        return new
    without = {name: value for name, value in new.items() if name != "status"}
    return without | ({"status": old["status"]} if "status" in old else {})


def _record_owners(obj: Object, ownership: Sequence[Ownership]) -> None:
    obj["metadata"].pop("managedFields", None)
    if entries := record(ownership):
        obj["metadata"]["managedFields"] = entries


def _specification(obj: Object) -> Object:
    return {name: value for name, value in obj.items() if name not in ("metadata", "status")}


def _definition(kind: Kind) -> Object:
    singular = kind.name.lower()
    names = {"kind": kind.name, "listKind": f"{kind.name}List", "plural": kind.plural, "singular": singular}
    return {
        "metadata": {"name": kind.resource},
        "spec": {
            "group": kind.group,
            "names": names,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "versions": [{"name": kind.version, "served": True, "storage": True}],
        },
    }
