"""Stories: what is done to a world, step by step."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import RenderableType

from .juju import Unit
from .world import World


@dataclass(frozen=True)
class StoryStep:
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

    step: StoryStep
    problems: list[str]
    """What then was not as the relations ask for it, in words."""


def restarts(world: World) -> dict[Unit, int]:
    """Count for each unit how often its pod was replaced.

    Charms on the published libraries, which have an interpreter of their own, are not counted: these restart
    pods to label them.
    """
    found: dict[Unit, int] = {}
    for model in world.models:
        for unit in model.units:
            if unit.application.source.python == sys.executable:
                found[unit] = unit.restarts
    return found


def play(world: World, story: Sequence[StoryStep], until: str | None = None) -> Iterator[FinishedStep]:
    """Do the steps of a story, each when it is asked for, up to the one of that name or to the end.

    No step may restart what runs already; a unit that it deploys may restart for its own CPU and memory.
    """
    for step in story:
        before = restarts(world)
        step.do(world)
        problems = world.settle()
        after = restarts(world)
        restarted = [unit for unit, number in before.items() if after.get(unit, number) > number]
        problems += (f"{unit.name} was restarted, though it ran already" for unit in restarted)
        yield FinishedStep(step, [*problems, *(step.check(world) if step.check else [])])
        if step.name == until:
            return
