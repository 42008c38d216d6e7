"""Problems of the beacon: the worst one is the status, and each is logged once."""

import enum
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import ops

from relation_data import Message

logger = logging.getLogger(__name__)

# More problems than this are nearly always of one kind.
_MOST = 50


class ProblemKind(enum.Enum):
    """The kinds of problems; each has an alert of its own."""

    refused_policies = enum.auto()
    """A consumer requests a policy that it may not set, or an invalid one."""
    pending_policies = enum.auto()
    """A policy waits for another application, or for an operator to relate one."""
    enforcement = enum.auto()
    """Istio does not enforce a policy."""
    waypoint = enum.auto()
    """The waypoint is not ready."""
    work_on_waypoint = enum.auto()
    """The beacon failed to write the waypoint."""
    work = enum.auto()
    """The beacon failed to apply another change."""
    metrics = enum.auto()
    """Metrics are not published."""


@dataclass(frozen=True)
class Problem:
    """A problem, and the command for it."""

    message: Message
    passes_by_itself: bool
    """True if no operator has to act."""
    kind: ProblemKind = ProblemKind.work

    @property
    def status(self) -> ops.StatusBase:
        """The problem as a status of the unit."""
        status = ops.WaitingStatus if self.passes_by_itself else ops.BlockedStatus
        return status(self.message.shown())


def blocked(message: Message | str, kind: ProblemKind = ProblemKind.work) -> Problem:
    """Return a problem that an operator has to resolve; a text is a message of a cause alone."""
    return Problem(_message(message), passes_by_itself=False, kind=kind)


def waiting(message: Message | str, kind: ProblemKind = ProblemKind.work) -> Problem:
    """Return a problem that may pass by itself; a text is a message of a cause alone."""
    return Problem(_message(message), passes_by_itself=True, kind=kind)


def _message(message: Message | str) -> Message:
    return Message(message) if isinstance(message, str) else message


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Return each message once, first those that an operator has to resolve."""
    seen: dict[Message, Problem] = {}
    for problem in sorted(problems, key=lambda problem: problem.passes_by_itself):
        seen.setdefault(problem.message, problem)
    return list(seen.values())


def status(problems: Sequence[Problem], unit: str) -> ops.StatusBase:
    """Return the worst problem, with the number of others and the command that shows them."""
    worst, *more = in_order(problems)
    if not more:
        return worst.status
    message = worst.message.shown(f" (and {len(more)} more: juju run {unit} plan)")
    return ops.StatusBase.from_name(worst.status.name, message)


def log_news(problems: Iterable[Problem], logged: Collection[str]) -> list[str]:
    """Log new problems that an operator has to resolve, and those that are resolved.

    Problems that pass by themselves are not logged. Takes the messages that were logged before, and returns
    those that are logged now.
    """
    now = [str(problem.message) for problem in in_order(problems) if not problem.passes_by_itself][:_MOST]
    for message in now:
        if message not in logged:
            logger.warning("%s", message)
    for message in logged:
        if message not in now:
            logger.info("resolved: %s", message)
    return now
