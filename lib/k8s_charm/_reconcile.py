"""Make the objects in Kubernetes what they should be, with as few requests as that takes."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ._garbage import no_garbage
from ._merge_patch import removes
from ._objects import Json, ObjectRef, can_exist, from_manifest, is_namespaced, kind_name, manifest, reference
from ._owner import OWNER, Owner
from ._plan import missing, plan
from ._requests import Request, Requester
from ._result import Failure, ReconcileResult
from ._verbs import (
    apply_object,
    create_object,
    delete_object,
    list_objects,
    patch_object,
    prepare_for_answers,
)

if TYPE_CHECKING:
    from lightkube import Client

    from ._objects import Resource

    Wanted: TypeAlias = Iterable[Resource] | Callable[[Sequence[Resource]], Iterable[Resource]]


def reconcile(
    client: "Client",
    wanted: "Wanted",
    *,
    owned_by_labels: Mapping[str, str],
    kinds: "Iterable[type[Resource]]",
    namespaces: Iterable[str] | None = None,
    owner: Owner | None = None,
    keep: "Callable[[Resource], bool]" = lambda _: False,
    group: "Callable[[Resource], Hashable]" = id,
    for_whom: "Callable[[Resource], Hashable]" = lambda _: None,
    force: bool = True,
    ignore_missing: bool = True,
    write: bool = True,
    timeout: float = 20.0,
) -> ReconcileResult:
    """Make the owned objects the wanted ones, and write only what differs.

    One list request a kind finds the owned objects. Then, several at a time, what is missing is created,
    what differs is updated, and at last what is not wanted is deleted: by server-side apply, or by a merge
    patch what an apply can't remove. An object differs if some field of the wanted one is not so, or if a
    field is still set that its writer no longer wants; what the server added does not count. In an
    AuthorizationPolicy anything that is not wanted counts.

    Nothing is raised for a request that fails: it is in the result's `failed`, and the rest is done. Of a
    kind that can't be listed nothing is written. An object that is not owned, but has the name of a wanted
    one, is a failure, and is not taken over.

    Args:
        client: with a field manager, for server-side apply.
        wanted: the objects, with their names and namespaces; or what makes them, given the owned ones.
        owned_by_labels: select the owned objects; written objects get them.
        kinds: all kinds to look after, also those of which nothing is wanted any more.
        namespaces: where to look for owned objects, a list request each; everywhere if None.
        owner: whose the objects are; needed where the labels could be another application's too.
        keep: an owned object that is not wanted stays if this is true of it.
        group: objects of the same group replace each other: while one can't be created, none is updated, and
            while one can't be updated, none is deleted.
        for_whom: tells whose wish an object is. All get their turns, so that nobody waits for somebody who
            wants very much.
        force: set fields of owned objects also where another field manager has set them since.
        ignore_missing: an object that is gone already, or of a kind that is not installed, counts as deleted.
        write: False to have the result say what would be done, without doing it.
        timeout: the seconds after which nothing more is tried, and the rest is failures. Creating leaves some
            of them for updates, and these for deletions.

    Raises:
        ValueError: if there are no labels to own objects by, or a wanted object is of none of the kinds.
    """
    if not owned_by_labels:
        raise ValueError("without labels to own objects by, everybody's objects would be owned")
    kinds_by_name = {kind_name(kind): kind for kind in kinds}
    prepare_for_answers(kinds_by_name.values())
    requester = Requester(timeout)
    wanted_kinds: set[str] = set()

    def possible() -> "Iterator[Resource]":
        for resource in wanted(list(owned.values())) if callable(wanted) else wanted:
            marked = _marked(resource, owned_by_labels, owner, client)
            ref = reference(marked)
            wanted_kinds.add(ref.kind)
            if ref.kind not in kinds_by_name:
                raise ValueError(f"{ref} is wanted, and of none of the kinds to look after")
            if not can_exist(ref):
                failed.append(Failure(ref, "create", 422, "Kubernetes takes no such name or namespace"))
            elif ref.kind not in unlisted:
                yield marked

    with no_garbage():
        listed, failed = requester.make(_lists(client, kinds_by_name.values(), namespaces, owned_by_labels))
        unlisted = {failure.ref.kind for failure in failed}
        owned = {
            reference(resource): resource
            for request, resources in listed.items()
            if request.kind not in unlisted
            for resource in resources
            if owner is None or owner.owns(resource)
        }
        todo = plan(owned, possible(), owned_by_labels, keep)
    if ignore_missing:
        failed = [failure for failure in failed if failure.code != 404 or failure.ref.kind in wanted_kinds]
    if not write:
        would_be = {**owned, **todo.create, **todo.update}
        return ReconcileResult(
            created=tuple(sorted(todo.create)),
            updated=tuple(sorted(todo.update)),
            deleted=tuple(sorted(todo.delete)),
            kept=tuple(sorted(todo.keep)),
            unchanged=todo.unchanged,
            failed=_sorted(failed),
            before=tuple(owned.values()),
            live=tuple(resource for ref, resource in would_be.items() if ref not in todo.delete),
        )

    writer = _Writer(client, owned_by_labels, force, ignore_missing)
    new = _in_turn(todo.create, todo.create, for_whom)
    created, not_created = requester.make(
        [writer.create(todo.create[ref]) for ref in new], then=bool(todo.update) + bool(todo.delete)
    )
    unfinished = {group(todo.create[failure.ref]) for failure in not_created}
    ready = [ref for ref, resource in todo.update.items() if group(resource) not in unfinished]
    updated, not_updated = requester.make(
        [writer.update(owned[ref], todo.update[ref]) for ref in _in_turn(ready, owned, for_whom)],
        then=bool(todo.delete),
    )
    unfinished |= {group(todo.update[failure.ref]) for failure in not_updated}
    to_go = [ref for ref in todo.delete if group(owned[ref]) not in unfinished]
    deleted, not_deleted = requester.make(
        [writer.delete(type(owned[ref]), ref) for ref in _in_turn(to_go, owned, for_whom)]
    )

    live = {**owned, **created, **updated}
    return ReconcileResult(
        created=tuple(sorted(created)),
        updated=tuple(sorted(updated)),
        deleted=tuple(sorted(deleted)),
        kept=tuple(sorted({*todo.keep, *todo.update, *todo.delete} - {*ready, *to_go})),
        unchanged=todo.unchanged,
        failed=_sorted(failed + not_created + not_updated + not_deleted),
        before=tuple(owned.values()),
        live=tuple(resource for ref, resource in live.items() if ref not in deleted),
    )


@dataclass(frozen=True)
class _Writer:
    """Makes the requests that write."""

    client: "Client"
    labels: Mapping[str, str]
    force: bool
    ignore_missing: bool

    def create(self, resource: "Resource") -> "Request[Resource]":
        ref = reference(resource)
        return Request(
            "create", ref, lambda: create_object(self.client, resource, ref, owned_by_labels=self.labels)
        )

    def update(self, live: "Resource", resource: "Resource") -> "Request[Resource]":
        ref = reference(resource)

        def send() -> "Resource":
            answer = live
            # An apply can't remove what another field manager has set.
            if not (self.force and removes(missing(live, resource, self.labels))):
                answer = apply_object(self.client, resource, ref, force=self.force)
            left = missing(answer, resource, self.labels) if self.force else None
            return patch_object(self.client, type(resource), ref, left) if left else answer

        return Request("update", ref, send)

    def delete(self, kind: "type[Resource]", ref: ObjectRef) -> Request[None]:
        return Request(
            "delete",
            ref,
            lambda: delete_object(self.client, kind, ref, ignore_missing=self.ignore_missing),
        )


def _lists(
    client: "Client",
    kinds: "Iterable[type[Resource]]",
    namespaces: Iterable[str] | None,
    labels: Mapping[str, str],
) -> "list[Request[list[Resource]]]":
    everywhere: list[str | None] = [None]
    places = everywhere if namespaces is None else sorted(set(namespaces))
    return [
        Request(
            "list",
            ObjectRef(kind_name(kind), namespace, ""),
            lambda kind=kind, namespace=namespace: list_objects(client, kind, namespace, labels),
        )
        for kind in kinds
        for namespace in (places if is_namespaced(kind) else everywhere)
    ]


def _in_turn(
    refs: Iterable[ObjectRef],
    resources: "Mapping[ObjectRef, Resource]",
    for_whom: "Callable[[Resource], Hashable]",
) -> list[ObjectRef]:
    """Order so that each party's first comes before anybody's second."""
    turns: Counter[Hashable] = Counter()

    def turn(ref: ObjectRef) -> int:
        party = for_whom(resources[ref])
        turns[party] += 1
        return turns[party]

    return sorted(refs, key=turn)


def _marked(
    resource: "Resource", labels: Mapping[str, str], owner: Owner | None, client: "Client"
) -> "Resource":
    plain = manifest(resource)
    own = plain["metadata"]
    marks: Json = {"labels": {**(own.get("labels") or {}), **labels}}
    if owner:
        marks["annotations"] = {**(own.get("annotations") or {}), OWNER: owner.mark}
    if is_namespaced(type(resource)) and not own.get("namespace"):
        marks["namespace"] = client.namespace
    return from_manifest(type(resource), {**plain, "metadata": {**own, **marks}})


def _sorted(failures: Iterable[Failure]) -> tuple[Failure, ...]:
    return tuple(sorted(failures, key=lambda failure: failure.ref))
