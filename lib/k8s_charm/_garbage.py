"""Thousands of objects, none of which is garbage."""

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def no_garbage() -> Generator[None]:
    """Have Python not look for garbage among what is read and made here.

    It looks through all there is again and again while that grows, which takes longer than all else. What
    nothing refers to any more goes at once all the same; only what refers to itself in a circle would not.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
