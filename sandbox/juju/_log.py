"""The log of the models: what `juju debug-log` shows."""

from dataclasses import dataclass, field
from datetime import datetime

OPERATIONS = "juju.worker.uniter.operation"
"""The module that says which events there were."""


@dataclass(frozen=True)
class LogLine:
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
