"""The repository's own files, which belong to a user and are changed by no test."""

import os
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
_OF_TOOLS = {".git", ".tox", ".venv", "__pycache__", ".pytest_cache", ".hypothesis", ".ruff_cache", "dist"}


def files(folder: Path = REPOSITORY) -> dict[str, int]:
    """Return each file with the time of its last change, except for the tools' own files."""
    return dict(_walk(folder))


def _walk(folder: Path) -> Iterator[tuple[str, int]]:
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _OF_TOOLS]
        for name in names:
            path = Path(root, name)
            yield str(path.relative_to(folder)), path.lstat().st_mtime_ns
