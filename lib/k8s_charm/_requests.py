"""Requests as values: made several at a time, each answered or failed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ._objects import ObjectRef
from ._parallel import Unfinished, run_all
from ._result import Failure
from ._verbs import attempt

Answer = TypeVar("Answer")

# Kept free at the end, so that a request that was started also gets its answer.
_GRACE = 5.0


@dataclass(frozen=True)
class Request(Generic[Answer]):
    """One request, not made yet."""

    verb: str
    ref: ObjectRef
    send: Callable[[], Answer]


class Requester:
    """Makes requests until its time is over."""

    def __init__(self, seconds: float):
        self._grace = min(_GRACE, seconds / 4)
        self._wait_until = time.monotonic() + seconds

    def make(
        self, requests: Sequence[Request[Answer]], *, then: int = 0
    ) -> tuple[dict[ObjectRef, Answer], list[Failure]]:
        """Make requests, up to eight at a time.

        Args:
            requests: what to make.
            then: how many times requests will be made after these; there will be as much time for each.

        Returns:
            The answers, and what got none.
        """
        now = time.monotonic()
        start_until = now + (self._wait_until - self._grace - now) / (then + 1)
        outcomes = run_all(
            [lambda each=each: attempt(each.send, each.ref, each.verb) for each in requests],
            start_until=start_until,
            wait_until=start_until + self._grace,
        )
        answers: dict[ObjectRef, Answer] = {}
        failures: list[Failure] = []
        for request, outcome in zip(requests, outcomes, strict=True):
            if isinstance(outcome, Failure):
                failures.append(outcome)
            elif isinstance(outcome, Unfinished):
                failures.append(Failure(request.ref, request.verb, None, outcome.value))
            else:
                answers[request.ref] = outcome
        return answers, failures
