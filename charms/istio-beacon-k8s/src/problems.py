"""What stands in the beacon's way: one line of it in the status, each line once in the log."""

import enum
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import ops

logger = logging.getLogger(__name__)

# So many are told and remembered; if there are more, they are of one kind.
_MOST = 50


class About(enum.Enum):
    """What a problem is with; each kind is for another alert."""

    refused_policies = enum.auto()
    """What consumers ask for and do not get, through no fault of the beacon's."""
    pending_policies = enum.auto()
    """What waits for another application, or for an operator to relate one."""
    enforcement = enum.auto()
    """What Istio does not do."""
    waypoint = enum.auto()
    """What much else hangs on, and is not ready."""
    work_on_waypoint = enum.auto()
    """What the beacon itself could not do for that."""
    work = enum.auto()
    """What else the beacon itself could not do."""
    metrics = enum.auto()
    """What is not shown to scrapers."""


@dataclass(frozen=True)
class Problem:
    """One thing that an operator should know, with the remedy, in one line."""

    message: str
    passes_by_itself: bool
    """If not, it is for an operator to see to."""
    about: About = About.work

    @property
    def status(self) -> ops.StatusBase:
        """It as a status of the unit."""
        status = ops.WaitingStatus if self.passes_by_itself else ops.BlockedStatus
        return status(self.message)


def blocked(message: str, about: About = About.work) -> Problem:
    """A problem that an operator has to see to."""
    return Problem(message, passes_by_itself=False, about=about)


def waiting(message: str, about: About = About.work) -> Problem:
    """A problem that may pass by itself."""
    return Problem(message, passes_by_itself=True, about=about)


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Each message once, whatever it is about; those first that an operator has to see to."""
    seen: dict[str, Problem] = {}
    for problem in sorted(problems, key=lambda problem: problem.passes_by_itself):
        seen.setdefault(problem.message, problem)
    return list(seen.values())


def status(problems: Sequence[Problem], unit: str) -> ops.StatusBase:
    """The worst of some problems; how many more there are, and where to read of them."""
    worst, *more = in_order(problems)
    if not more:
        return worst.status
    return Problem(
        f"{worst.message} (and {len(more)} more: juju run {unit} plan)", worst.passes_by_itself
    ).status


def log_news(problems: Iterable[Problem], told: Collection[str], *, complete: bool = True) -> list[str]:
    """Log what an operator has to see to and was not told before, and what of that is settled.

    What passes by itself would only fill the log.

    Args:
        problems: what there is now.
        told: what was told before.
        complete: False if there may be more, so that nothing is settled.

    Returns:
        What is told now.
    """
    now = [problem.message for problem in in_order(problems) if not problem.passes_by_itself][:_MOST]
    for message in now:
        if message not in told:
            logger.warning("%s", message)
    gone = [message for message in told if message not in now]
    if not complete:
        return [*now, *gone][: 2 * _MOST]
    for message in gone:
        logger.info("settled: %s", message)
    return now
