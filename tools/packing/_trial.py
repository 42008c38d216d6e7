"""Runs a packed charm on a bare Python, with stand-ins for Juju's hook tools."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import hook_tools
from ._imports import follow
from ._interpreter import as_python3

_MODEL_UUID = "6d6f6465-6c00-4000-8000-000000000001"
_SECONDS = 60
_NOBODY = 65534
# Charms with `charm-user: non-root` may write to few places. Reading is not restricted, because the
# interpreter may be in root's home.
_AS_NOBODY = (
    "setpriv",
    f"--reuid={_NOBODY}",
    f"--regid={_NOBODY}",
    "--clear-groups",
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
)
# Missing modules are printed; other errors of imports do not matter here.
_FIND_MODULES = """\
import importlib.util, json, sys
def is_there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
print(json.dumps([name for name in json.load(sys.stdin) if not is_there(name)]))
"""


@dataclass(frozen=True)
class RelationData:
    """A relation that a charm finds."""

    id: int
    endpoint: str
    app: str
    """The application on the other side."""
    units: list[str]
    """Its units."""
    data: dict[str, dict[str, str]]
    """Databags, by the name of the application or unit."""


@dataclass(frozen=True)
class TrialWorld:
    """The state of Juju."""

    config: dict[str, str | int | float | bool] = field(default_factory=dict[str, str | int | float | bool])
    relations: list[RelationData] = field(default_factory=list[RelationData])
    leader: bool = True
    ports: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class TrialEvent:
    """An event that Juju dispatches to a charm."""

    name: str
    """Like `config-changed`."""
    relation: RelationData | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that Juju sets for it."""
        variables = {"JUJU_DISPATCH_PATH": f"hooks/{self.name}", "JUJU_HOOK_NAME": self.name}
        if self.relation:
            variables["JUJU_RELATION"] = self.relation.endpoint
            variables["JUJU_RELATION_ID"] = f"{self.relation.endpoint}:{self.relation.id}"
            variables["JUJU_REMOTE_APP"] = self.relation.app
            variables["JUJU_REMOTE_UNIT"] = self.relation.units[0]
        return variables


@dataclass(frozen=True)
class Call:
    """A call of a hook tool."""

    tool: str
    args: list[str]
    text: str
    """What it was given on standard input."""


@dataclass(frozen=True)
class TrialOutcome:
    """The result of an event."""

    calls: list[Call]
    error: str
    """The output of the charm as it failed; empty if it did not."""

    @property
    def status(self) -> str:
        """The unit's status as the charm last set it, like `active: 2 policies for 1 consumer`."""
        set_last = ""
        for call in self.calls:
            words = [arg for arg in call.args if not arg.startswith("--")]
            if call.tool == "status-set" and "--application=True" not in call.args:
                set_last = ": ".join(words)
        return set_last

    @property
    def written(self) -> dict[str, str]:
        """The data that the charm wrote into databags."""
        written: dict[str, str] = {}
        for call in self.calls:
            if call.tool == "relation-set":
                written |= json.loads(call.text)
        return written


class Trial:
    """An unpacked charm, with stand-ins for Juju.

    Args:
        charm: the folder of the unpacked charm.
        python: the interpreter that it finds as `python3`, without other packages than the charm's own.
        app: the name of its application.
        world: the state of Juju.
        environment: further environment variables of the charm.
    """

    def __init__(
        self, charm: Path, python: Path, app: str, world: TrialWorld, environment: Mapping[str, str]
    ):
        self._charm = charm
        self._outside = charm.parent / f"{charm.name}-outside"
        self._outside.mkdir()
        self._calls = self._outside / "calls"
        self._calls.touch()
        self._world = self._outside / "world.json"
        self._world.write_text(json.dumps(dataclasses.asdict(world)))
        tools = self._outside / "bin"
        _write_hook_tools(tools)
        self._environment = {
            **environment,
            "PATH": os.pathsep.join(
                [str(as_python3(python, self._outside / "python")), str(tools), os.defpath]
            ),
            "HOME": str(self._outside),
            "LANG": "C.UTF-8",
            "HOOK_CALLS": str(self._calls),
            "HOOK_WORLD": str(self._world),
            "JUJU_CHARM_DIR": str(charm),
            "JUJU_MODEL_NAME": "trial",
            "JUJU_MODEL_UUID": _MODEL_UUID,
            "JUJU_UNIT_NAME": f"{app}/0",
            "JUJU_VERSION": "3.6.9",
        }
        self._as_somebody = _AS_NOBODY if os.geteuid() == 0 else ()
        if self._as_somebody:
            _give_away([charm, self._outside])

    def missing_modules(self) -> list[str]:
        """Return the modules that the charm imports somewhere and that are missing."""
        roots = [self._charm / "src", self._charm / "lib"]
        foreign = sorted(follow(self._charm / "src/charm.py", roots).foreign)
        environment = {"PYTHONPATH": os.pathsep.join(map(str, roots))}
        python = self._charm / "venv/bin/python"
        found = self._run([str(python), "-c", _FIND_MODULES], environment, text=json.dumps(foreign))
        return json.loads(found.stdout)

    def run(self, event: TrialEvent) -> TrialOutcome:
        """Run an event of the charm."""
        self._calls.write_text("")
        try:
            ended = self._run([str(self._charm / "dispatch")], event.environment)
        except subprocess.TimeoutExpired:
            return TrialOutcome([], f"does not come to an end in {_SECONDS} seconds")
        calls = [Call(**json.loads(line)) for line in self._calls.read_text().splitlines()]
        if not ended.returncode:
            return TrialOutcome(calls, "")
        errors = [call.args[-1] for call in calls if call.tool == "juju-log" and "ERROR" in call.args]
        return TrialOutcome(
            calls, "\n".join([*errors, ended.stderr.strip()]) or f"ended with {ended.returncode}"
        )

    def _run(
        self, command: Iterable[str], environment: Mapping[str, str], *, text: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*self._as_somebody, *command],
            cwd=self._charm,
            env={**self._environment, **environment},
            input=text,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )


def _write_hook_tools(folder: Path) -> None:
    folder.mkdir()
    program = folder / "hook-tools"
    # Without the site packages of this interpreter, for speed.
    program.write_text(f"#!{sys.executable} -IS\n{Path(hook_tools.__file__).read_text()}")
    program.chmod(0o755)
    for tool in hook_tools.TOOLS:
        (folder / tool).symlink_to(program.name)


def _give_away(folders: Iterable[Path]) -> None:
    for folder in folders:
        for each in [folder, *folder.rglob("*")]:
            os.chown(each, _NOBODY, _NOBODY, follow_symlinks=False)
