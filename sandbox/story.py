"""Stories: sequences of steps that change a world, with checks after each."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import RenderableType

from .juju import Unit
from .world import World


@dataclass(frozen=True)
class StoryStep:
    """One step: a change, and its description."""

    name: str
    title: str
    text: str
    do: Callable[[World], None]
    show: Callable[[World], RenderableType] | None = None
    """Something to show afterwards, besides what changed."""
    check: Callable[[World], list[str]] | None = None
    """A check of more than what every step checks; returns the problems, in words."""
    is_measured: bool = True
    """False if requests cannot be measured afterwards, because an application serves TLS of its own."""


@dataclass(frozen=True)
class FinishedStep:
    """A finished step."""

    step: StoryStep
    problems: list[str]
    """Differences from what the relations ask for, in words."""


def restarts(world: World) -> dict[Unit, int]:
    """Return the number of replaced pods of each unit.

    Charms on the published libraries, which have an interpreter of their own, are not counted: these restart
    pods in order to label them.
    """
    found: dict[Unit, int] = {}
    for model in world.models:
        for unit in model.units:
            if unit.application.source.python == sys.executable:
                found[unit] = unit.restarts
    return found


def play(world: World, story: Sequence[StoryStep], until: str | None = None) -> Iterator[FinishedStep]:
    """Run the steps of a story one by one, up to the named one or to the end.

    A restart of a unit that ran before the step is a problem; a unit that the step deploys may restart.
    """
    for step in story:
        before = restarts(world)
        step.do(world)
        problems = world.settle()
        after = restarts(world)
        restarted = [unit for unit, number in before.items() if after.get(unit, number) > number]
        problems += (f"{unit.name} was restarted" for unit in restarted)
        yield FinishedStep(step, [*problems, *(step.check(world) if step.check else [])])
        if step.name == until:
            return
