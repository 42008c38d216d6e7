"""The result of writing to Kubernetes."""

from dataclasses import dataclass, field

from ._objects import ObjectRef, Resource


@dataclass(frozen=True)
class Failure:
    """One request that failed."""

    ref: ObjectRef
    verb: str
    """`list`, `create`, `update` or `delete`."""
    code: int | None
    """The HTTP status; None if there was no answer, or no request."""
    reason: str
    """The cause in words, without the object's name."""
    error: Exception | None = field(default=None, compare=False, repr=False)
    """The exception of the client, if it made the request."""
    remedy: str = ""
    """The instruction that resolves it, if there is one for this failure alone."""

    def __str__(self) -> str:
        return ": ".join(filter(None, (f"{self.verb} {self.ref}", self.reason, self.remedy)))


@dataclass(frozen=True)
class ReconcileResult:
    """Objects that were written, kept and failed; each tuple is sorted."""

    created: tuple[ObjectRef, ...] = ()
    updated: tuple[ObjectRef, ...] = ()
    deleted: tuple[ObjectRef, ...] = ()
    kept: tuple[ObjectRef, ...] = ()
    """Owned objects that are not as desired and kept: retained, or a write of their group failed."""
    unchanged: int = 0
    """Number of objects that were already as desired."""
    failed: tuple[Failure, ...] = ()
    before: tuple[Resource, ...] = ()
    """The owned objects as they were found."""
    live: tuple[Resource, ...] = ()
    """The owned objects after the writes."""

    @property
    def changed(self) -> bool:
        """True if anything was written."""
        return bool(self.created or self.updated or self.deleted)
