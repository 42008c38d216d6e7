"""The libraries that are measured, each with an interpreter of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .findings import OURS, PEERS

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PACKAGES = (
    "canonical-service-mesh",
    "charmlibs-interfaces-service-mesh",
    "coordinated-workers",
    "lightkube",
    "ops",
    "pydantic",
)


@dataclass(frozen=True)
class LibrarySet:
    """An interpreter that has one of the two sets of libraries."""

    name: str
    python: str
    path: tuple[Path, ...]
    """Where it finds the charms' libraries; `library`, which charms of both sides import, is among them."""

    def environment(self, **more: str) -> dict[str, str]:
        """The environment variables of its processes."""
        names = ("PATH", "HOME", "TMPDIR", "LANG", "HOOK_TOOL_PAUSE")
        kept = {name: os.environ[name] for name in names if name in os.environ}
        return {**kept, "PYTHONPATH": os.pathsep.join(map(str, self.path)), **more}

    def versions(self) -> Mapping[str, str]:
        """The version of each package that it has."""
        program = (
            "import importlib.metadata as m, json, sys\n"
            "found = {d.metadata['Name'].replace('_', '-').lower(): d.version for d in m.distributions()}\n"
            "print(json.dumps({n: found[n] for n in sys.argv[1:] if n in found}))"
        )
        command = [self.python, "-c", program, *PACKAGES]
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def ours() -> LibrarySet:
    """This repository's libraries, in the environment that this runs in."""
    return LibrarySet(OURS, sys.executable, (HERE / "sides" / "ours", ROOT / "lib"))


def peers() -> LibrarySet | None:
    """The published libraries, in the environment of $PEER_PYTHON; None if there is none."""
    python = os.environ.get("PEER_PYTHON", "")
    return (
        LibrarySet(PEERS, python, (HERE / "sides" / "peers",)) if python and Path(python).exists() else None
    )
