"""How long a hook may wait for others."""

import time

# With what a request that was begun just before the end may still take, a hook ends within 30 seconds.
_SECONDS = 18.0


class Deadline:
    """The end of the time in which a hook may wait for others, shared by all that it waits for.

    Make one when the hook begins. Whoever asks somebody then waits for no longer than `seconds` says, and
    asks nothing more once that is 0: what is not done is done in the next hook.

    Args:
        seconds: from now on; what a hook may take if None.
    """

    def __init__(self, seconds: float | None = None):
        self._end = time.monotonic() + (_SECONDS if seconds is None else seconds)

    def seconds(self, at_most: float) -> float:
        """How long to wait for an answer: so many seconds at most, or what is left; 0 if nothing is."""
        return max(0.0, min(at_most, self._end - time.monotonic()))

    @property
    def is_over(self) -> bool:
        """Whether there is no time left."""
        return time.monotonic() >= self._end
