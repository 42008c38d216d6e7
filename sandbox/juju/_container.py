"""A container of a unit."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.host.messages import CheckState, NoticeState

from ._errors import JujuError

if TYPE_CHECKING:
    from ops import pebble

# Container images have these, and charms may expect them.
_DIRECTORIES = ("bin", "etc", "home", "lib", "opt", "root", "run", "srv", "tmp", "usr", "var")


@dataclass(eq=False, repr=False)
class Container:
    """A container of a unit: its Pebble state, and its files as real ones below `root`."""

    name: str
    root: Path
    mounts: Mapping[str, Path]
    """Directories that outlive the container, by location in it."""
    can_connect: bool = False
    layers: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])
    services: dict[str, str] = field(default_factory=dict[str, str])
    """Each service that was ever started: "active", "inactive" or "error"."""
    checks: list[CheckState] = field(default_factory=list[CheckState])
    notices: list[NoticeState] = field(default_factory=list[NoticeState])
    ready_seen: bool = False
    down_seen: set[str] = field(default_factory=set[str])
    notices_seen: set[str] = field(default_factory=set[str])

    @property
    def plan(self) -> "pebble.Plan":
        """The Pebble plan that follows from the layers."""
        from ops import pebble, testing

        layers = {label: pebble.Layer(layer) for label, layer in self.layers}  # pyright: ignore[reportArgumentType]  # a LayerDict, for it came from one
        return testing.Container(self.name, layers=layers).plan

    def start(self) -> None:
        """Start with the files of an image only."""
        shutil.rmtree(self.root, ignore_errors=True)
        for name in _DIRECTORIES:
            (self.root / name).mkdir(parents=True)
        for location, directory in self.mounts.items():
            place = self.root / location.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(directory)

    def check(self, name: str) -> CheckState:
        """The check of that name."""
        for check in self.checks:
            if check["name"] == name:
                return check
        raise JujuError(f"container {self.name!r} has no check {name!r}")

    def set_check(self, name: str, *, up: bool) -> None:
        """Make a Pebble check fail or recover; the charm gets the event when the model settles."""
        check = self.check(name)
        check["status"] = "up" if up else "down"
        check["failures"] = 0 if up else check["threshold"]
