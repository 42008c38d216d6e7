"""The deadline of a hook: the end of the time that it may wait."""

import time

# Commands that are still running then end soon after, so that a hook takes less than 30 seconds.
_SECONDS = 18.0


class Deadline:
    """The end of the time in which a hook may wait, shared by everything that it waits for.

    Create one at the start of the hook. Each request then waits for no longer than `seconds` returns, and
    none is sent once that is 0: the rest is done in the next hook.

    Args:
        seconds: the time from now on; 18 if None.
    """

    def __init__(self, seconds: float | None = None):
        self._end = time.monotonic() + (_SECONDS if seconds is None else seconds)

    def seconds(self, at_most: float) -> float:
        """Return the seconds to wait for an answer: `at_most`, or fewer if fewer are left."""
        return max(0.0, min(at_most, self._end - time.monotonic()))

    @property
    def is_over(self) -> bool:
        """Return whether there is no time left."""
        return time.monotonic() >= self._end
