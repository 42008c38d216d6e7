"""The parts of a beacon in Kubernetes, each planned first and then applied."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from k8s_charm import Change, Changes
from model_objects import ModelObjects
from policy_report import PolicyReport
from problems import Problem


class StepResult(NamedTuple):
    """The result of a step."""

    problems: Sequence[Problem] = ()
    """The problems to show."""
    changed: bool = False
    """True if something was written."""
    policies: PolicyReport | None = None
    """The result of writing the policies."""
    stays_for: Sequence[str] | None = None
    """The applications for whose pods the namespace stays in the mesh; None if another step knows."""


class StepPlan(ABC):
    """The changes that a step will write."""

    @property
    @abstractmethod
    def changes(self) -> Sequence[Change]:
        """The objects to write."""

    @property
    def access_changes(self) -> Sequence[str]:
        """The requests that are allowed, and no longer allowed, after that, in words."""
        return ()

    @property
    def is_complete(self) -> bool:
        """True if the plan is complete: all live objects are known."""
        return True

    def expect(self, model: ModelObjects, /) -> StepResult:  # noqa: ARG002 - most need no request
        """Return the result if each write succeeds; nothing is written.

        Raises:
            lightkube.ApiError: if Kubernetes rejects a read.
        """
        return StepResult()

    @abstractmethod
    def apply(self, model: ModelObjects, /) -> StepResult:
        """Write the changes.

        Raises:
            lightkube.ApiError: if Kubernetes rejects a request.
        """


@dataclass(frozen=True)
class ObjectsPlan(StepPlan):
    """The owned objects that a step will write."""

    writes: Changes

    @property
    def changes(self) -> Sequence[Change]:
        """The objects to write."""
        return self.writes.shown

    @property
    def is_complete(self) -> bool:
        """True if all live objects are known."""
        return not self.writes.failed


Step: TypeAlias = Callable[[ModelObjects], StepPlan]
"""One part of a beacon in Kubernetes: compares the desired objects with the live ones, and writes nothing.

It raises a `lightkube.ApiError` if Kubernetes rejects a request.
"""
