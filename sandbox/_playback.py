"""The demo on the terminal, and its page."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from . import _show, demo, matrix, page
from .matrix import Cell
from .story import FinishedStep
from .world import World


class Playback:
    """Prints the steps of a story, writes the page, and counts the problems."""

    def __init__(self, world: World, console: Console, page_file: Path):
        self.problems = 0
        self.has_page = False
        self._world = world
        self._console = console
        self._page = page_file
        self._is_pictured = False
        self._flows, self._pods, self._statuses = world.flows, world.pods, _show.statuses(world)

    def print_step(self, number: int, finished: FinishedStep) -> None:
        """Print the changes of a step, measure requests after it, and print the problems."""
        world, step = self._world, finished.step
        self._console.print()
        self._console.rule(Text(f"{number}. {step.title}", style="bold"), align="left")
        self._console.print(step.text, style="italic")
        self._console.print(_show.changes(self._flows, world.flows, self._pods, world.pods))
        statuses = _show.statuses(world)
        self._console.print(_show.changed_statuses(self._statuses, statuses))
        self._flows, self._pods, self._statuses = world.flows, world.pods, statuses
        if step.show:
            self._console.print(step.show(world))
        cells = matrix.measure(world) if world.enforcement and step.is_measured else []
        if cells:
            self._print_cells(cells, is_best=step.name == demo.PICTURED)
        problems = [*finished.problems, *(_show.wrong(cell) for cell in cells if not cell.is_right)]
        for problem in problems:
            self._console.print(Text(f"✗ {problem}", style="bold red"))
        self.problems += len(problems)

    def _print_cells(self, cells: Sequence[Cell], *, is_best: bool) -> None:
        self._console.print(_show.measured(cells))
        if self._world.enforcement and not self._is_pictured:
            page.write_for(self._page, cells, self._world.enforcement.mesh.state)
            write_json(self._page.with_name("matrix.json"), cells)
            self.has_page, self._is_pictured = True, is_best
            if is_best:
                self._console.print(_show.matrix_table(cells))


def write_json(file: Path, cells: Iterable[Cell]) -> None:
    """Write cells to a file, and create its directories."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([_show.cell_data(cell) for cell in cells], indent=2))
