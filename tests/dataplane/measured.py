"""The steps of the demo, measured through real proxies after each."""

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox import demo
from sandbox.hardening import harden, remove_hardening
from sandbox.matrix import Cell, measure
from sandbox.story import play
from tests.dataplane.own_world import own_world
from tests.support.explained import disagreements

MODES = ("hardened", "permissive")
"""Whether what no policy allows is refused everywhere, or only where some policy allows something."""


@dataclass(frozen=True)
class Measured:
    """A moment of the story."""

    problems: list[str]
    """What was not in Kubernetes as the relations ask for it."""
    cells: list[Cell]
    disagreements: list[str]
    """The cells of which `explain` says something else."""


def measure_story() -> Mapping[tuple[str, str], Measured]:
    """Run all steps once, and measure after each in each mode: by step and mode."""
    found: dict[tuple[str, str], Measured] = {}
    with own_world() as world:
        for played in play(world, demo.STORY):
            for mode in MODES:
                if mode == "permissive":
                    remove_hardening(world.client)
                cells = measure(world)
                found[played.step.name, mode] = Measured(played.problems, cells, disagreements(world, cells))
            harden(world.client)
    return found
