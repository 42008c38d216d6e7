"""The object that results from a write: fields of the server, defaults, owners of fields, checks."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from copy import deepcopy
from datetime import datetime, timezone

from ._defaults import imply, keep
from ._json import Object
from ._kinds import Kind
from ._ownership import Ownership, Writer, own_update, record
from ._refusals import check_uid, check_version
from ._schema import complete
from ._validation import check

_SERVERS_OWN = (
    *("uid", "creationTimestamp", "generation", "resourceVersion"),
    *("deletionTimestamp", "deletionGracePeriodSeconds", "managedFields"),
)


def now() -> str:
    """Return the time as objects have it."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def normalise(kind: Kind, obj: Object) -> None:
    """Fill in what an object's kind, its schema and its other fields imply."""
    obj |= {"kind": kind.name, "apiVersion": kind.api_version}
    complete(obj, kind.schema)
    imply(kind, obj)


def admit(kind: Kind, namespace: str, obj: Object) -> None:
    """Prepare a new object for its creation, without the fields that only the server sets.

    Raises:
        ApiError: it is refused.
    """
    metadata = obj["metadata"]
    if kind.namespaced:
        metadata["namespace"] = namespace
    else:
        metadata.pop("namespace", None)
    if kind.status:
        obj.pop("status", None)
        normalise(kind, obj)
    for name in _SERVERS_OWN:
        metadata.pop(name, None)
    check(kind, obj)


def begin(kind: Kind, obj: Object, ownership: Sequence[Ownership]) -> None:
    """Set the server's fields on a new object."""
    metadata = obj["metadata"]
    metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": now()}
    if kind.generation:
        metadata["generation"] = 1
    _record_owners(obj, ownership)


def change(kind: Kind, old: Object, new: Object, writer: Writer) -> tuple[Object, Sequence[Ownership]]:
    """Return an object after an update, with the owners of its fields.

    Raises:
        ApiError: the object has changed since (409).
    """
    name = old["metadata"]["name"]
    check_version(kind, name, new["metadata"].get("resourceVersion"), old)
    check_uid(kind, name, new["metadata"].get("uid"), old)
    new = _within(kind, old, new, writer.subresource)
    normalise(kind, new)
    keep(kind, old, new)
    return new, own_update(old, new, kind.schema, writer, now())


def succeed(kind: Kind, old: Object, new: Object, subresource: str, ownership: Sequence[Ownership]) -> Object:
    """Return the object that replaces an old one, equal to it if nothing changes.

    Raises:
        ApiError: it is refused.
    """
    new = deepcopy(_within(kind, old, new, subresource))
    normalise(kind, new)
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
    if kind.generation and _specification(new) != _specification(old):
        metadata["generation"] = before["generation"] + 1
    return new


def _within(kind: Kind, old: Object, new: Object, subresource: str) -> Object:
    """Return the part of a change that a request can make: to the status, or to everything else."""
    if subresource == "status":
        # Labels and similar fields are changed in this way as well; a custom resource then only records their
        # owners.
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
