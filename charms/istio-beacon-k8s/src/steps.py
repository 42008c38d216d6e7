"""The parts of a beacon in Kubernetes, each planned first and applied then."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from k8s_charm import Change
from problems import Problem

if TYPE_CHECKING:
    from lightkube import Client

    from k8s_charm import Resource
    from policy_report import PolicyReport


class StepResult(NamedTuple):
    """The result of a step."""

    problems: Sequence[Problem] = ()
    """The problems to show."""
    changed: bool = False
    """True if something was written."""
    objects: "Sequence[Resource]" = ()
    """Objects that are known by now."""
    policies: "PolicyReport | None" = None
    """The result of writing the policies."""
    stays_for: Sequence[str] | None = None
    """The applications for whose pods the namespace stays in the mesh; None if another step knows."""


class StepPlan(Protocol):
    """Changes that a step is going to write."""

    @property
    def changes(self) -> Sequence[Change]:
        """The objects to write."""
        ...

    @property
    def access_changes(self) -> Sequence[str]:
        """The requests that are allowed, and no longer allowed, after that, in words."""
        ...

    @property
    def is_complete(self) -> bool:
        """True if the plan is complete: all live objects are known."""
        ...

    def expect(self, client: "Client", /) -> StepResult:
        """Return the result if each write succeeds; nothing is written."""
        ...

    def apply(self, client: "Client", /) -> StepResult:
        """Write the changes."""
        ...


class Step(Protocol):
    """One part of a beacon in Kubernetes."""

    def plan(self, client: "Client", /) -> StepPlan:
        """Compare the desired objects with the live ones; nothing is written."""
        ...
