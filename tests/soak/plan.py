"""Random sequences of operations, and the shortest one that ends in the same way."""

import random
import time
from collections.abc import Callable, Sequence

from tests.soak.story import Story

_WEIGHTS = {
    "relate": 7,
    "part": 2,
    "deploy": 3,
    "config": 3,
    "scale": 2,
    "elect": 3,
    "edit": 3,
    "fill": 15,
    "trust": 15,
}
_BEGINNING = (
    "deploy hall/mesh",
    "deploy hall/goods",
    "relate hall/goods:service-mesh hall/mesh:service-mesh",
)
_UNCHECKED_SHARE = 0.25
"""How often the next operation does not wait until all has settled."""


def run_random(story: Story, rng: random.Random, operations: int) -> None:
    """Run this number of random operations."""
    story.run(*_BEGINNING)
    for _ in range(operations - len(_BEGINNING)):
        possible = {verb: lines for verb in story.verbs if (lines := story.possible(verb))}
        verbs = list(possible)
        (verb,) = rng.choices(verbs, [_WEIGHTS.get(verb, 1) for verb in verbs])
        story.run(rng.choice(possible[verb]), check=rng.random() >= _UNCHECKED_SHARE)
    story.check()


def shortest(lines: Sequence[str], fails: Callable[[Sequence[str]], bool], seconds: float) -> list[str]:
    """Remove lines as long as the rest fails, and return the shortest sequence found in time.

    Args:
        lines: the failing ones.
        fails: returns whether some of the lines, in their order, fail.
        seconds: the time limit.
    """
    end = time.monotonic() + seconds
    short, size = list(lines), max(1, len(lines) // 2)
    while size and time.monotonic() < end:
        # From the end: nothing later depends on it.
        for start in range(len(short) - size, -1, -size):
            fewer = short[:start] + short[start + size :]
            if time.monotonic() < end and fails(fewer):
                short = fewer
        size //= 2
    return short
