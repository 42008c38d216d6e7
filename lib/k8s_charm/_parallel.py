"""Several requests at a time, and an end to all of them."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from typing import TypeVar

Outcome = TypeVar("Outcome")

AT_A_TIME = 8


class Unfinished(Enum):
    """What is known of a job when the time is over."""

    NOT_TRIED = "not tried: the time for this was over"
    NO_ANSWER = "no answer in time"


def run_all(
    jobs: "Sequence[Callable[[], Outcome]]", *, start_until: float, wait_until: float
) -> "list[Outcome | Unfinished]":
    """Run jobs, up to eight at a time, until a point in time.

    The threads are daemons: a request that hangs must keep neither the hook nor the process waiting.

    Args:
        jobs: what to call; none of them may raise.
        start_until: no job is started after this time of `time.monotonic()`.
        wait_until: the outcomes at this time are returned, whatever still runs.
    """
    outcomes: list[Outcome | Unfinished] = [Unfinished.NOT_TRIED] * len(jobs)
    waiting = deque(enumerate(jobs))

    def work() -> None:
        while time.monotonic() < start_until:
            try:
                number, job = waiting.popleft()
            except IndexError:
                return
            outcomes[number] = Unfinished.NO_ANSWER
            outcomes[number] = job()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(AT_A_TIME, len(jobs)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, wait_until - time.monotonic()))
    return outcomes.copy()
