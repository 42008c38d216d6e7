"""A hook ends within 30 seconds, however slow all answers are.

Time is simulated: each wait advances the clock by its length. Simultaneous waits count one after the other,
so that a real hook takes less time.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import lightkube.core.exceptions
import ops
import pytest

from tests.faults.changing_charm import ChangingCharm

LIMIT = 30.0
LIBERAL = 60
NEVER = 1000.0
httpx = lightkube.core.exceptions.httpx  # type: ignore[attr-defined]

Takes = Callable[[int], float]
"""How many seconds the answer to a request takes, by the request's number."""


class Clock:
    """The simulated time, which passes only during waits."""

    def __init__(self):
        self.now = 1000.0
        self.answers: Takes = lambda _: 0.0
        self.commands = 0.0
        """How long each command in a container takes."""
        self.requests = 0
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float, at_most: float) -> bool:
        """Advance the clock by at most the limit, and return whether the wait ends within it."""
        with self._lock:
            self.now += min(seconds, at_most)
        return seconds < at_most

    def next_request(self) -> int:
        with self._lock:
            self.requests += 1
            return self.requests - 1


class Command:
    def __init__(self, clock: Clock, timeout: float | None):
        assert timeout, "a command without a timeout can hold a hook for ever"
        self._clock = clock
        self._timeout = timeout

    def wait_output(self) -> tuple[str, str]:
        if self._clock.wait(self._clock.commands, self._timeout):
            return "", ""
        change = {"id": "1", "kind": "exec", "summary": "", "status": "Error", "ready": True, "tasks": []}
        change["spawn-time"] = change["ready-time"] = "2026-01-01T00:00:00Z"
        raise ops.pebble.ChangeError("timed out", ops.pebble.Change.from_dict(change))  # type: ignore[arg-type]


@pytest.fixture
def clock(changing: ChangingCharm, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("k8s_charm._deadline.time", clock)
    pass_on = httpx.HTTPTransport.handle_request

    def handle_request(transport: Any, request: Any) -> Any:
        takes = clock.answers(clock.next_request())
        if takes and not clock.wait(takes, request.extensions["timeout"]["read"]):
            raise httpx.ReadTimeout("timed out", request=request)
        return pass_on(transport, request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle_request)
    monkeypatch.setattr(ops.Container, "exec", lambda *_, timeout=None, **__: Command(clock, timeout))
    return clock


def seconds(changing: ChangingCharm, clock: Clock, answers: Takes, commands: float = 0.0) -> float:
    """Return the time of a hook that changes the desired state, and check that the next one completes it."""
    changing.change_state()
    started, clock.answers, clock.commands, clock.requests = clock.now, answers, commands, 0
    state = changing.hook()
    taken = clock.now - started
    changing.check_reported(state)
    clock.answers, clock.commands = (lambda _: 0.0), 0.0
    changing.check_recovered()
    return taken


@pytest.mark.parametrize("commands", [0.0, NEVER])
@pytest.mark.parametrize("answer", [0.5, 1.5, 2.9, NEVER])
def test_hook_in_which_every_answer_is_late_ends(
    changing: ChangingCharm, clock: Clock, answer: float, commands: float
):
    assert 0 < seconds(changing, clock, lambda _: answer, commands) < LIMIT


@pytest.mark.parametrize("others", [0.0, 2.9])
def test_hanging_request_does_not_hang_hook(changing: ChangingCharm, clock: Clock, others: float):
    for position in range(LIBERAL):
        taken = seconds(
            changing, clock, lambda number, position=position: NEVER if number == position else others, NEVER
        )
        assert taken < LIMIT
        if clock.requests <= position:
            return
    raise AssertionError(f"more than {LIBERAL} requests")


def test_real_hook_that_gets_no_answer_ends_with_its_time(
    changing: ChangingCharm, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("k8s_charm._deadline._SECONDS", 0.5)
    changing.change_state()
    started = time.monotonic()
    state = changing.hook(lambda *_: "hang")
    assert time.monotonic() - started < 20
    assert state.unit_status.name in ("waiting", "blocked")
    assert state.unit_status.message
