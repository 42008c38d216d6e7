"""Resources that a program holds: processes, their descriptors and threads."""

import gc
import time
from collections import defaultdict
from dataclasses import astuple, dataclass
from pathlib import Path

_PROC = Path("/proc")
_PATIENCE = 5.0


@dataclass(frozen=True)
class Holdings:
    """Numbers of the resources of this process and its descendants."""

    processes: int
    descriptors: int
    threads: int

    @classmethod
    def now(cls) -> "Holdings":
        """Return the present numbers, after a garbage collection."""
        gc.collect()
        family = _family()
        return cls(len(family), _entries(family, "fd"), _entries(family, "task"))

    def check_no_more(self) -> None:
        """Check that no more is held than this, once what ends has ended.

        Raises:
            AssertionError: if there is more.
        """
        deadline = time.monotonic() + _PATIENCE
        while not (now := Holdings.now()).is_within(self):
            if time.monotonic() > deadline:
                raise AssertionError(f"left behind: {now}, after {self}")
            time.sleep(0.1)

    def is_within(self, other: "Holdings") -> bool:
        """Return whether this holds no more of any resource than the other."""
        return all(mine <= theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True))


def _family() -> list[Path]:
    """The directories in /proc of this process and of all that have come from it."""
    children: defaultdict[str, list[str]] = defaultdict(list)
    for stat in _PROC.glob("[0-9]*/stat"):
        try:
            # After the program's name, which may contain anything, come its state and its parent.
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # it has ended meanwhile
        if state != "Z":
            children[parent].append(stat.parent.name)
    family = [(_PROC / "self").readlink().name]
    for process in family:
        family += children[process]
    return [_PROC / process for process in family]


def _entries(family: list[Path], directory: str) -> int:
    count = 0
    for process in family:
        try:
            count += len(list((process / directory).iterdir()))
        except OSError:
            continue  # it has ended meanwhile
    return count
