"""Stories: what is done to a world, step by step."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import RenderableType

from .world import World


@dataclass(frozen=True)
class Step:
    """One step: what is done, and why it is worth seeing."""

    name: str
    title: str
    text: str
    do: Callable[[World], None]
    show: Callable[[World], RenderableType] | None = None
    """What to look at afterwards, besides what every step changes."""
    check: Callable[[World], list[str]] | None = None
    """What else has to be so afterwards; returns what is not, in words."""
    is_measured: bool = True
    """Whether who reaches whom can be measured afterwards: not where some of it is TLS of its own."""


@dataclass(frozen=True)
class FinishedStep:
    """A step that was done."""

    step: Step
    problems: list[str]
    """What then was not as the relations ask for it, in words."""


def play(world: World, story: Sequence[Step], until: str | None = None) -> Iterator[FinishedStep]:
    """Do the steps of a story, each when it is asked for, up to the one of that name or to the end."""
    for step in story:
        step.do(world)
        problems = world.settle()
        yield FinishedStep(step, [*problems, *(step.check(world) if step.check else [])])
        if step.name == until:
            return
