"""What a program holds on to: descriptors, threads and processes."""

import threading
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Holdings:
    """What this process has open, and how many processes have come from it."""

    descriptors: int
    threads: int
    processes: int

    @classmethod
    def now(cls) -> "Holdings":
        """As it is."""
        return cls(len(list((_PROC / "self/fd").iterdir())), threading.active_count(), len(_descendants()))


def _descendants() -> list[int]:
    children: defaultdict[int, list[int]] = defaultdict(list)
    for stat in _PROC.glob("[0-9]*/stat"):
        try:
            # After the program's name, which may contain anything, come its state and its parent.
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # it has ended meanwhile
        if state != "Z":
            children[int(parent)].append(int(stat.parent.name))
    found, todo = list[int](), [int((_PROC / "self").readlink().name)]
    while todo:
        found += (born := children[todo.pop()])
        todo += born
    return found
