"""Small charms, written by the tests that need them."""

import textwrap
from pathlib import Path
from typing import Any, Protocol

import yaml

from sandbox.juju import Unit

RECORDER = """
import logging

import ops


class Recorder(ops.CharmBase):
    def __init__(self, framework):
        super().__init__(framework)
        for event in self.on.events().values():
            if issubclass(event.event_type, ops.HookEvent):
                framework.observe(event, self.on_event)

    def on_event(self, event):
        pass

    def add_word(self, word):
        self.unit.status = ops.ActiveStatus(f"{self.unit.status.message} {word}".strip())
"""


class WriteCharm(Protocol):
    """Writes a charm and returns its directory.

    The source defines a subclass of `Recorder`: `on_event` is given every event, and `add_word`
    appends to the unit's status. Keyword arguments go to charmcraft.yaml.
    """

    def __call__(self, name: str, source: str = "class Charm(Recorder): pass", **meta: Any) -> Path: ...


def charm_writer(parent: Path) -> WriteCharm:
    """Writes charms below a directory."""

    def write(name: str, source: str = "class Charm(Recorder): pass", **meta: Any) -> Path:
        directory = parent / name
        (directory / "src").mkdir(parents=True, exist_ok=True)
        described = {"name": name, "type": "charm", "summary": name, "description": name}
        (directory / "charmcraft.yaml").write_text(yaml.safe_dump({**described, **meta}, sort_keys=False))
        (directory / "src/recorder.py").write_text(RECORDER)
        source = f"import logging\nimport ops\nfrom recorder import Recorder\n{textwrap.dedent(source)}"
        (directory / "src/charm.py").write_text(source)
        return directory

    return write


def events(unit: Unit) -> list[str]:
    """The names of the events that a unit has had."""
    return [hook.name for hook in unit.history]


def words(unit: Unit) -> list[str]:
    """Return the words that a unit's charm has added with `add_word`."""
    return unit.status[1].split()
