"""What became of the objects that a reconcile was asked for."""

from dataclasses import dataclass

from ._objects import ObjectRef, Resource


@dataclass(frozen=True)
class Failure:
    """One request that did not do what it was for."""

    ref: ObjectRef
    verb: str
    """`list`, `create`, `update` or `delete`."""
    code: int | None
    """The HTTP status; None if there was no answer, or no request."""
    reason: str
    """Why, in words for people, without the object's name."""

    def __str__(self) -> str:
        return f"{self.verb} {self.ref}: {self.reason}"


@dataclass(frozen=True)
class ReconcileResult:
    """What a reconcile wrote, left, and could not do; each tuple is sorted."""

    created: tuple[ObjectRef, ...] = ()
    updated: tuple[ObjectRef, ...] = ()
    deleted: tuple[ObjectRef, ...] = ()
    kept: tuple[ObjectRef, ...] = ()
    """Owned and not as wanted, but left for now: asked to be kept, or a write of their group failed."""
    unchanged: int = 0
    """How many objects were as wanted already."""
    failed: tuple[Failure, ...] = ()
    before: tuple[Resource, ...] = ()
    """The owned objects as they were found."""
    live: tuple[Resource, ...] = ()
    """The owned objects as they are now, out of the list that was made and the answers to the writes; as
    they would be, if nothing was to be written."""

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return bool(self.created or self.updated or self.deleted)
