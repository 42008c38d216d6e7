"""Change lines of the modules in modules.yaml, one at a time, and list the changes after which no test fails.

    python -m tools.mutation [PART OF A MODULE'S PATH]…

It works on a copy of the repository. The exit code is 1 if a change survives that is not accepted, or if one
that is accepted does not survive.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ._changes import CodeChange, changes_of
from ._forked_tests import ForkedTests

REPOSITORY = Path(__file__).parents[2]
COPIED = ("charms", "lib", "sandbox", "tests", "tools", "pyproject.toml")


def main(*parts: str) -> int:
    """Run the tests of each module whose path has one of these parts; of all without parts."""
    settings: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_name("modules.yaml").read_text())
    limits = Limits(settings["changes"], settings["minutes"])
    failures = 0
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        copy = Path(folder, "repository")
        _copy_to(copy)
        os.chdir(copy)
        sys.path[:0] = [str(copy / "lib"), str(copy)]
        os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:2])
        for module, tests in settings["modules"].items():
            if not parts or any(part in module for part in parts):
                accepted = settings["accepted"].get(module, {})
                failures += _try_module(Path(module), tests, limits, accepted)
    return int(failures > 0)


@dataclass(frozen=True)
class Limits:
    """The settings of a module."""

    changes: int
    minutes: float


def _try_module(module: Path, tests: Sequence[str], limits: Limits, accepted: Mapping[str, str]) -> int:
    """Change a module, and print the surviving changes; return the number of those that are not accepted."""
    changes = changes_of(module.read_text())
    tried, found = 0, 0
    noticed: set[str] = set()
    survived: set[str] = set()
    with tempfile.TemporaryDirectory(prefix="mutation-tests-") as work:
        forked = ForkedTests(tests, Path(work))
        began = time.monotonic()
        print(
            f"{module}: {len(changes)} changes are possible, the tests take {forked.seconds:.0f} s",
            flush=True,
        )
        for change in changes[: limits.changes]:
            if (time.monotonic() - began) / 60 > limits.minutes:
                break
            tried += 1
            description = _description(change)
            if not forked.pass_with(module, change.text):
                noticed.add(description)
                continue
            survived.add(description)
            if description not in accepted:
                found += 1
                print(f"    line {change.line}: {description}", flush=True)
    print(f"    {tried} were tried, {found} survived", flush=True)
    possible = set(map(_description, changes)) - (noticed - survived)
    for description in sorted(accepted.keys() - possible):
        print(f"    a test notices, or it is not there any more: {description}", flush=True)
        found += 1
    return found


def _description(change: CodeChange) -> str:
    return f"{change.before} -> {change.after}"


def _copy_to(folder: Path) -> None:
    folder.mkdir()
    for name in COPIED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
