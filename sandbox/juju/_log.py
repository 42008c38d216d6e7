"""The log of the models: what `juju debug-log` shows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from ._objects import Unit

OPERATIONS = "juju.worker.uniter.operation"
"""The module that logs events."""


@dataclass(frozen=True)
class DebugLogLine:
    """A line of the log."""

    model: str
    unit: str
    level: str
    module: str
    message: str
    time: datetime = field(default_factory=datetime.now)

    def __str__(self) -> str:
        entity = f"unit-{self.unit.replace('/', '-')}"
        return f"{entity}: {self.time:%H:%M:%S} {self.level} {self.module} {self.message}"


class DebugLog:
    """The lines so far.

    Args:
        on_line: called with each line.
    """

    def __init__(self, on_line: Callable[[DebugLogLine], None] | None):
        self.lines: list[DebugLogLine] = []
        self._on_line = on_line

    def record(self, unit: Unit, level: str, module: str, message: str) -> None:
        """Add a line."""
        line = DebugLogLine(unit.application.model.name, unit.name, level, module, message)
        self.lines.append(line)
        if self._on_line:
            self._on_line(line)
