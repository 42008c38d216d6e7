"""Requests as values, sent several at a time; each has an answer or a failure."""

import math
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ._deadline import Deadline
from ._objects import ObjectRef
from ._result import Failure
from ._verbs import attempt

Answer = TypeVar("Answer")

_AT_A_TIME = 8
# Reserved at the end, so that a started request gets its answer.
_GRACE = 5.0
_NOT_SENT = "not sent: the hook's time was over"
_NO_ANSWER = "no answer in time"


@dataclass(frozen=True)
class PendingRequest(Generic[Answer]):
    """One request that is not sent yet."""

    verb: str
    ref: ObjectRef
    send: Callable[[], Answer]

    def unanswered(self, reason: str) -> Failure:
        """Return the failure of the request if it has no answer."""
        return Failure(self.ref, self.verb, None, reason)


class Requester:
    """Sender of requests until a deadline."""

    def __init__(self, deadline: Deadline):
        self._deadline = deadline
        self._grace = min(_GRACE, deadline.seconds(math.inf) / 4)

    def send(
        self, requests: Sequence[PendingRequest[Answer]], *, then: int = 0
    ) -> tuple[dict[ObjectRef, Answer], list[Failure]]:
        """Send requests, up to eight at a time.

        Args:
            requests: the requests.
            then: the number of later calls of `send`; each gets an equal share of the time.

        Returns:
            The answers, and a failure for each request without one.
        """
        seconds = max(0.0, self._deadline.seconds(math.inf) - self._grace) / (then + 1)
        outcomes = _send_all(requests, Deadline(seconds), Deadline(seconds + self._grace))
        answers: dict[ObjectRef, Answer] = {}
        failures: list[Failure] = []
        for request, outcome in zip(requests, outcomes, strict=True):
            if isinstance(outcome, Failure):
                failures.append(outcome)
            else:
                answers[request.ref] = outcome
        return answers, failures


def _send_all(
    requests: Sequence[PendingRequest[Answer]], start: Deadline, wait: Deadline
) -> list[Answer | Failure]:
    """Send requests until `start`, and return the outcomes that are known at `wait`.

    The threads are daemons: a request that hangs must keep neither the hook nor the process waiting.
    """
    outcomes: list[Answer | Failure] = [each.unanswered(_NOT_SENT) for each in requests]
    waiting = deque(enumerate(requests))

    def work() -> None:
        while not start.is_over:
            try:
                number, request = waiting.popleft()
            except IndexError:
                return
            outcomes[number] = request.unanswered(_NO_ANSWER)
            outcomes[number] = attempt(request.send, request.ref, request.verb)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(_AT_A_TIME, len(requests)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(wait.seconds(math.inf))
    return outcomes.copy()
