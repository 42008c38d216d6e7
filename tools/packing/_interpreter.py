"""Finds the Pythons of this machine."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path


def find_python(version: str) -> Path | None:
    """Return an interpreter of a version like `3.12`: from PATH, or from pyenv."""
    for candidate in _candidates(version):
        if _version_of(candidate) == version:
            return candidate
    return None


def as_python3(python: Path, folder: Path) -> Path:
    """Create a folder for PATH in which `python3` is this interpreter."""
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "python3"
    link.unlink(missing_ok=True)
    link.symlink_to(python)
    return folder


def _candidates(version: str) -> Iterator[Path]:
    # The system's own before others of the same version that PATH may have first.
    for name in (f"/usr/bin/python{version}", "/usr/bin/python3", f"python{version}", "python3"):
        if found := shutil.which(name):
            yield Path(found)
    # pyenv shows on PATH only the versions that are selected.
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"))


def _version_of(python: Path) -> str:
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([python, "-I", "-c", program], capture_output=True, text=True)
    return answer.stdout.strip()
