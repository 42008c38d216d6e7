"""The writes to Kubernetes: create, then update, then delete, several at a time."""

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

from ._client import Client
from ._deadline import Deadline
from ._live import Live
from ._merge_patch import patch_for, removes
from ._objects import ObjectRef, Resource
from ._plan import Changes, Write
from ._requests import PendingRequest, Requester
from ._result import Failure, ReconcileResult
from ._verbs import apply_object, attempt, create_object, delete_object, patch_object


def apply(client: Client, changes: Changes, deadline: Deadline, *, force: bool = True) -> ReconcileResult:
    """Write changes to Kubernetes.

    Missing objects are created first, then differing ones are updated, and objects that are no longer desired
    are deleted last. Writes use server-side apply, and a merge patch for fields that an apply cannot remove.
    A failed request raises nothing: it is in the result's `failed`, and the rest is done. An object that has
    the name of a desired one and another owner is a failure, and is not overwritten.

    Args:
        client: the client, with a field manager for server-side apply.
        changes: the changes to write.
        deadline: the end of the hook's time. Requests that are not started in time are in `failed`. Creations
            leave some of the time for updates, and these for deletions.
        force: True to set fields of owned objects also where another field manager has set them since.
    """
    requester = Requester(deadline)
    writer = _Writer(client, changes.live, force, changes.ignore_missing, _service_uid(client, changes))
    created, not_created = requester.send(
        list(map(writer.create, _in_turn(changes.create))), then=bool(changes.update) + bool(changes.delete)
    )
    unfinished = _groups(changes.create, not_created)
    ready = [write for write in changes.update if write.group not in unfinished]
    updated, not_updated = requester.send(
        list(map(writer.update, _in_turn(ready))), then=bool(changes.delete)
    )
    unfinished |= _groups(changes.update, not_updated)
    obsolete = [write for write in changes.delete if write.group not in unfinished]
    deleted, not_deleted = requester.send(list(map(writer.delete, _in_turn(obsolete))))

    tried = {write.ref for write in (*ready, *obsolete)}
    postponed = (write.ref for write in (*changes.update, *changes.delete) if write.ref not in tried)
    failed = [*changes.failed, *not_created, *not_updated, *not_deleted]
    live = {**changes.live.objects, **created, **updated}
    return ReconcileResult(
        created=tuple(sorted(created)),
        updated=tuple(sorted(updated)),
        deleted=tuple(sorted(deleted)),
        kept=tuple(sorted((*changes.retained, *postponed))),
        unchanged=changes.unchanged,
        failed=tuple(sorted(failed, key=lambda failure: failure.ref)),
        before=tuple(changes.live),
        live=tuple(resource for ref, resource in live.items() if ref not in deleted),
    )


@dataclass(frozen=True)
class _Writer:
    """The requests that write."""

    client: Client
    live: Live
    force: bool
    ignore_missing: bool
    service_uid: str | None
    """The uid of the Service of the application that owns the objects, if it is known."""

    def create(self, write: Write) -> PendingRequest[Resource]:
        resource, labels = self._referring(write.desired), self.live.labels
        return PendingRequest(
            "create",
            write.ref,
            lambda: create_object(self.client, resource, write.ref, owned_by_labels=labels),
        )

    def update(self, write: Write) -> PendingRequest[Resource]:
        live: Any = write.live
        resource, labels = self._referring(write.desired), self.live.labels

        def send() -> Resource:
            answer = live
            # An apply cannot remove what another field manager has set.
            if not (self.force and removes(patch_for(live, resource, labels))):
                answer = apply_object(self.client, resource, write.ref, force=self.force)
            left = patch_for(answer, resource, labels) if self.force else None
            return patch_object(self.client, write.kind, write.ref, left) if left else answer

        return PendingRequest("update", write.ref, send)

    def delete(self, write: Write) -> PendingRequest[None]:
        return PendingRequest(
            "delete",
            write.ref,
            lambda: delete_object(self.client, write.kind, write.ref, ignore_missing=self.ignore_missing),
        )

    def _referring(self, desired: Any) -> Resource:
        return self.live.owner.with_reference(desired, self.service_uid) if self.service_uid else desired


def _service_uid(client: Client, changes: Changes) -> str | None:
    """Return the uid of the application's Service, requested only for a write and if no object has it."""
    from lightkube.resources.core_v1 import Service

    live = changes.live
    if live.service_uid or not (changes.create or changes.update):
        return live.service_uid
    ref = ObjectRef("Service", live.owner.model, live.owner.app)
    found = attempt(lambda: client.get(Service, ref.name, namespace=ref.namespace), ref, "get")
    # Without it, objects are written nevertheless.
    return None if isinstance(found, Failure) else found.metadata and found.metadata.uid


def _groups(writes: Iterable[Write], failures: Iterable[Failure]) -> set[Hashable]:
    failed: set[ObjectRef] = {failure.ref for failure in failures}
    return {write.group for write in writes if write.ref in failed}


def _in_turn(writes: Iterable[Write]) -> list[Write]:
    """Order writes so that the first one of each party is before the second one of any."""
    turns: Counter[Hashable] = Counter()

    def turn(write: Write) -> int:
        turns[write.fair_by] += 1
        return turns[write.fair_by]

    return sorted(writes, key=turn)
