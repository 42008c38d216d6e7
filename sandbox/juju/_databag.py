"""Databags, and the versions that a unit has seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(eq=False, repr=False)
class Bag:
    """A databag."""

    data: dict[str, str] = field(default_factory=dict[str, str])
    version: int = 0
    """Counts the changes."""

    def replace(self, data: Mapping[str, str]) -> None:
        """Replace the contents of the bag by `data`."""
        if self.data != data:
            self.data = dict(data)
            self.version += 1


@dataclass
class Seen:
    """The databags of a relation that a unit has seen."""

    members: dict[int, int] = field(default_factory=dict[int, int])
    """The remote units that it has seen, with the version of the data that it has seen."""
    app_version: int = 0
    just_joined: int | None = None
    """The remote unit whose change comes next, because it has just joined."""
