"""The cost before a charm's own code runs: each hook is a new process, which imports all modules."""

import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from .findings import CPU, OURS, SECONDS, Case, Findings, Progress, Quantity
from .sides import HERE, ROOT, LibrarySet

TOPIC = "start-up"
PACKAGES = "start-up, by package"
IMPORT_TIME = Quantity("import time", "ms")
_PACKAGES_SHOWN = 8
_OPS = "ops alone"
OPS_ALONE = f"import of {_OPS}"

_SAME_CHARMS = ("beacon", "consumer", "coordinator")
_LINE = re.compile(r"import time: +(\d+) \| +\d+ \| +(\S+)")


def measure(findings: Findings, sides: list[LibrarySet], *, rounds: int, progress: Progress) -> None:
    """Measure processes that import a charm and end: the same on both sides, and this repository's own."""
    for number in range(rounds + 1):
        for charm, source, side in _charms(sides, backwards=bool(number % 2)):
            progress(f"{charm}, {side.name}, round {number}")
            values = _import(source, side)
            if number:  # the first one compiles the modules
                findings.add(Case(TOPIC, f"import of {charm}"), side.name, values)
    for charm, source, side in _charms(sides):
        progress(f"{charm}, {side.name}, by package")
        for package, seconds in _by_package(source, side).most_common(_PACKAGES_SHOWN):
            findings.add(Case(PACKAGES, f"{charm}: {package}"), side.name, {IMPORT_TIME: seconds * 1000})


def _charms(
    sides: list[LibrarySet], *, backwards: bool = False
) -> Iterator[tuple[str, Path | None, LibrarySet]]:
    for side in reversed(sides) if backwards else sides:
        yield _OPS, None, side
    for charm in _SAME_CHARMS:
        for side in reversed(sides) if backwards else sides:
            yield f"the measured {charm}", HERE / "charms" / charm / "src", side
    for folder in sorted((ROOT / "charms").iterdir()):
        for side in sides:
            if side.name == OURS and folder.is_dir():
                yield folder.name, folder / "src", side


def _command(source: Path | None, side: LibrarySet) -> list[str]:
    program = (
        "import ops" if source is None else f"import sys; sys.path.insert(0, {str(source)!r}); import charm"
    )
    return [side.python, "-c", program]


def _import(source: Path | None, side: LibrarySet) -> dict[Quantity, float]:
    start = time.perf_counter()
    process = subprocess.Popen(_command(source, side), env=side.environment())
    _, code, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(code)
    if process.returncode:
        raise RuntimeError(f"{source} can't be imported on {side.name}")
    return {SECONDS: seconds, CPU: used.ru_utime + used.ru_stime}


def _by_package(source: Path | None, side: LibrarySet) -> "Counter[str]":
    """Package to the microseconds that its own modules took, in seconds."""
    python, *rest = _command(source, side)
    done = subprocess.run(
        [python, "-X", "importtime", *rest],
        env=side.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    took: Counter[str] = Counter()
    for microseconds, module in _LINE.findall(done.stderr):
        took[module.partition(".")[0]] += int(microseconds) / 1e6  # type: ignore[assignment]
    return took
