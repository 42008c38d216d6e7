"""The objects of a cluster, with all operations that write."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from copy import deepcopy

from ._defaults import Allocator
from ._json import Object, mapping
from ._kinds import CRD, NAMESPACE, Kind
from ._ownership import Ownership, Writer, own_update
from ._ownership import apply as merge_applied
from ._reads import StoredObjects
from ._records import Snapshot
from ._refusals import already_exists, check_preconditions, check_version, not_found, version_required
from ._served import custom_kinds, definition, is_served, kind_of
from ._status import bad_request
from ._validation import check_applied, check_types
from ._writes import admit, begin, change, normalise, now, succeed

ADMIN = Writer("admin", "Update", "v1")
_BUILT_IN_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


class ObjectStore(StoredObjects):
    """The objects of a cluster. Results are copies; operations are atomic, and safe in any thread.

    Args:
        custom_resources: whether the CRDs of Istio and of the Gateway API are there from the start.
    """

    def __init__(self, *, custom_resources: bool = True):
        super().__init__()
        self._allocator = Allocator()
        self._unwritten: set[str] = set()
        """The uids of objects whose default status is kept only from their next write on."""
        self._custom_resources = custom_resources
        self.reset()

    def reset(self) -> None:
        """Reset to a new cluster. Resource versions continue to count."""
        with self._lock:
            self._records.clear()
            for name in _BUILT_IN_NAMESPACES:
                self.create(NAMESPACE, {"metadata": {"name": name}})
            if self._custom_resources:
                self.install_custom_resources()

    def snapshot(self) -> Snapshot:
        """All objects as they are, for `restore`."""
        with self._lock:
            return self._records.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        """Restore a snapshot, and report each object as new. Resource versions continue to count."""
        with self._lock:
            self._records.restore(snapshot)

    def install_custom_resources(self, *groups: str) -> None:
        """Create the CRDs of these API groups, or of all that are known, where they are missing."""
        for kind in custom_kinds(*groups):
            if not is_served(self._records, kind):
                self.create(CRD, definition(kind))

    def uninstall_custom_resources(self, *groups: str) -> None:
        """Delete the CRDs of these API groups, or of all, and with them their objects."""
        for kind in custom_kinds(*groups):
            if is_served(self._records, kind):
                self.delete(CRD, "", kind.resource)

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
        kind = kind_of(kind)
        with self._lock:
            new = deepcopy(obj)
            metadata = new["metadata"]
            if not metadata.get("name") and metadata.get("generateName"):
                metadata["name"] = f"{metadata['generateName']}{uuid.uuid4().hex[:5]}"
            check_types(kind, new)
            normalise(kind, new)
            ownership = own_update(None, new, kind.schema, writer, now())
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
        """Replace an existing object, and return the new one.

        Raises:
            ApiError: there is none (404), it has changed since (409), or the object is refused.
        """
        kind = kind_of(kind)
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
        """Change an object by a function from the old to the new one, and return it.

        Raises:
            ApiError: there is none (404), it has changed since (409), or the result is refused.
        """
        kind = kind_of(kind)
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
        kind, name = kind_of(kind), config["metadata"]["name"]
        with self._lock:
            old = self._records.find(kind, namespace, name)
            if old is None and writer.subresource:
                raise not_found(kind, name)
            check_applied(kind, namespace, name, config)
            merged, ownership = merge_applied(old, config, kind.schema, writer, now(), force=force)
            if old is not None:
                check_version(kind, name, config["metadata"].get("resourceVersion"), old)
            if old is None:
                normalise(kind, merged)
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
        """Delete an object, or mark it as being deleted while it has a finalizer. Returns its last state.

        Raises:
            ApiError: there is none (404), or it is another one (409).
        """
        kind = kind_of(kind)
        with self._lock:
            old = self._existing(kind, namespace, name)
            check_preconditions(kind, old, uid, resource_version)
            last = deepcopy(old)
            if dry_run:
                return last
            if last["metadata"].get("finalizers"):
                last["metadata"].setdefault("deletionTimestamp", now())
                last["metadata"].setdefault("deletionGracePeriodSeconds", 0)
                if last != old:
                    self._records.put(kind, old, last)
            else:
                self._drop(kind, old)
            return last

    def delete_collection(
        self, kind: Kind | str, namespace: str, *, labels: str = "", fields: str = ""
    ) -> None:
        """Delete the selected objects."""
        kind = kind_of(kind)
        with self._lock:
            for obj in list(self._records.select(kind, namespace, labels, fields)):
                self.delete(kind, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])

    def _add(
        self, kind: Kind, namespace: str, obj: Object, ownership: Sequence[Ownership], dry_run: bool
    ) -> Object:
        if kind.namespaced:
            self._existing(NAMESPACE, "", namespace)
        admit(kind, namespace, obj)
        name = obj["metadata"]["name"]
        if self._records.find(kind, namespace, name):
            raise already_exists(kind, name)
        self._allocator.fill(kind, obj)
        begin(kind, obj, ownership)
        if not dry_run:
            self._records.put(kind, None, obj)
            if kind.schema.of("status").default:
                self._unwritten.add(obj["metadata"]["uid"])
        return obj

    def _change(self, kind: Kind, old: Object, new: Object, writer: Writer, dry_run: bool) -> Object:
        new, ownership = change(kind, old, new, writer)
        return self._keep(kind, old, new, writer.subresource, ownership, dry_run)

    def _keep(
        self,
        kind: Kind,
        old: Object,
        new: Object,
        subresource: str,
        ownership: Sequence[Ownership],
        dry_run: bool,
    ) -> Object:
        new = succeed(kind, old, new, subresource, ownership)
        metadata = new["metadata"]
        if dry_run or (new == old and metadata["uid"] not in self._unwritten):
            return new
        self._unwritten.discard(metadata["uid"])
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
            self._drop(kind, old)
        else:
            self._records.put(kind, old, new)
        return new

    def _drop(self, kind: Kind, obj: Object) -> None:
        if kind is CRD:
            for custom in custom_kinds():
                if custom.resource == obj["metadata"]["name"]:
                    self.delete_collection(custom, "")
        self._records.drop(kind, obj)
