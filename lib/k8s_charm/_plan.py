"""The plan: the changes from the live objects of an owner to the desired ones."""

from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from ._live import Live
from ._merge_patch import patch_for
from ._objects import ObjectRef, Resource, can_exist, reference
from ._result import Failure, ReconcileResult


class Change(NamedTuple):
    """One change of one object, as shown to operators."""

    action: str
    """`create`, `change` or `delete`."""
    ref: ObjectRef

    def __str__(self) -> str:
        return f"{self.action}  {self.ref}"


@dataclass(frozen=True)
class Write:
    """One object to write."""

    ref: ObjectRef
    kind: type[Resource]
    live: Resource | None
    """The live object; None to create it."""
    desired: Resource | None
    """The desired object; None to delete it."""
    group: Hashable
    """Writes of the same group replace each other."""
    fair_by: Hashable
    """The party for which the object is written."""


@dataclass(frozen=True)
class Changes:
    """All writes that a plan consists of, and the objects that are not written."""

    live: Live
    """The objects as they were found."""
    create: tuple[Write, ...]
    update: tuple[Write, ...]
    delete: tuple[Write, ...]
    retained: tuple[ObjectRef, ...]
    """Owned objects that are kept although they are not desired."""
    unchanged: int
    """Number of objects that are already as desired."""
    failed: tuple[Failure, ...]
    """The lists that failed, and the desired objects that cannot exist."""
    ignore_missing: bool
    """True if an object that is gone already counts as deleted."""

    @property
    def shown(self) -> list[Change]:
        """All changes, as shown to operators."""
        expected = self.expected
        refs = {"create": expected.created, "change": expected.updated, "delete": expected.deleted}
        shown: list[Change] = []
        for action, some in refs.items():
            shown += (Change(action, ref) for ref in some)
        return shown

    @property
    def expected(self) -> ReconcileResult:
        """The result if every write succeeds."""
        after = dict(self.live.objects)
        for write in (*self.create, *self.update, *self.delete):
            if write.desired is None:
                del after[write.ref]
            else:
                after[write.ref] = write.desired
        created, updated, deleted = (
            tuple(sorted(write.ref for write in some)) for some in (self.create, self.update, self.delete)
        )
        return ReconcileResult(
            created=created,
            updated=updated,
            deleted=deleted,
            kept=tuple(sorted(self.retained)),
            unchanged=self.unchanged,
            failed=tuple(sorted(self.failed, key=lambda failure: failure.ref)),
            before=tuple(self.live),
            live=tuple(after.values()),
        )

    def __str__(self) -> str:
        return "\n".join(map(str, self.shown)) or "none"


def plan(
    live: Live,
    desired: Iterable[Resource],
    *,
    retain: Collection[ObjectRef] = (),
    group: Callable[[Resource], Hashable] = reference,
    fair_by: Callable[[Resource], Hashable] = lambda _: None,
    ignore_missing: bool = True,
) -> Changes:
    """Compare the desired objects with the live ones; no request is made.

    An object differs if a field of the desired one differs, or if it still has a field that its writer no
    longer desires; fields that the server adds do not count. In an AuthorizationPolicy every field that is
    not desired counts.

    Args:
        live: the owned objects.
        desired: the desired objects, with their names.
        retain: owned objects to keep although they are not desired.
        group: the key of objects that replace each other: while one of them cannot be created, none is
            updated, and while one cannot be updated, none is deleted.
        fair_by: the key of the party for which an object is written. Writes alternate between parties, so
            that a party with very many objects delays no other.
        ignore_missing: True to count an object that is already gone, or whose kind is not installed, as
            deleted.

    Raises:
        ValueError: if a desired object is of a kind that was not listed.
    """
    create: dict[ObjectRef, Write] = {}
    update: dict[ObjectRef, Write] = {}
    invalid: list[Failure] = []
    refs: set[ObjectRef] = set()
    kinds: set[str] = set()
    unlisted = live.unlisted
    for each in desired:
        resource = live.marked(each)
        ref = reference(resource)
        refs.add(ref)
        kinds.add(ref.kind)
        there = live.objects.get(ref)
        if ref.kind not in live.kinds:
            raise ValueError(f"{ref} is desired, but its kind is not among the managed kinds")
        if not can_exist(ref):
            invalid.append(Failure(ref, "create", 422, "invalid Kubernetes name or namespace"))
        elif ref.kind in unlisted:
            continue
        elif there is None:
            create[ref] = Write(ref, type(resource), None, resource, group(resource), fair_by(resource))
        elif patch_for(there, resource, live.labels):
            update[ref] = Write(ref, type(resource), there, resource, group(resource), fair_by(there))
    absent = {ref: each for ref, each in live.objects.items() if ref not in refs}
    not_listed = (
        failure
        for failure in live.failed
        if failure.code != 404 or not ignore_missing or failure.ref.kind in kinds
    )
    return Changes(
        live,
        tuple(create.values()),
        tuple(update.values()),
        delete=tuple(
            Write(ref, type(each), each, None, group(each), fair_by(each))
            for ref, each in absent.items()
            if ref not in retain
        ),
        retained=tuple(ref for ref in absent if ref in retain),
        unchanged=len(live.objects) - len(absent) - len(update),
        failed=(*not_listed, *invalid),
        ignore_missing=ignore_missing,
    )
