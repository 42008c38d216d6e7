"""The Go that programs are built with."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ._errors import NotAvailableError

_FOLDER_OF_THE_INSTALLER = "/usr/local/go/bin"


def go_environment() -> Mapping[str, str]:
    """Return the environment of Go: without a C compiler, and without automatic downloads of another Go."""
    return os.environ | {
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -mod=readonly -buildvcs=false".strip(),
    }


def find_go(module: Path) -> str:
    """The first go command that is new enough for a module.

    Args:
        module: the folder of its go.mod.

    Raises:
        NotAvailableError: there is none.
    """
    needed = re.findall(r"^go (\S+)$", (module / "go.mod").read_text(), re.MULTILINE)[0]
    too_old: dict[str, str] = {}
    for folder in (*os.environ.get("PATH", "").split(os.pathsep), _FOLDER_OF_THE_INSTALLER):
        if go := shutil.which("go", path=folder):
            version = _version(go)
            if _numbers(version) >= _numbers(needed):
                return go
            too_old[go] = f"{go} is {version}"
    found = ", ".join(too_old.values()) or "no Go is installed"
    raise NotAvailableError(f"Go {needed} or newer is needed, but {found}")


def _version(go: str) -> str:
    done = subprocess.run(
        [go, "env", "GOVERSION"], env=go_environment(), capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "a version too old to be printed"


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version such as `1.26.0`, `go1.26.8` or `devel go1.27-abcdef`."""
    found = re.search(r"\d+\.\d+(\.\d+)?", version)
    return tuple(map(int, found[0].split("."))) if found else ()
