"""Stages the folder that charmcraft packs, since it reads nothing outside that."""

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from ._errors import CannotPackError
from ._imports import follow

# Each has a reader: charmcraft, pip, Charmhub.
_FILES = ("charmcraft.yaml", "requirements.txt", "README.md", "icon.svg")
_without_caches = shutil.ignore_patterns("__pycache__", "*.pyc")


def stage(charm: Path, into: Path, *, libraries: Sequence[Path], also: Iterable[Path] = ()) -> None:
    """Copy a charm with what it imports of the project's libraries, so that it needs nothing else.

    Args:
        charm: the charm's own folder.
        into: the folder to fill; its former contents are removed.
        libraries: folders of packages; those that the charm imports are copied into its `lib/`.
        also: common files of charms, copied beside charmcraft.yaml.

    Raises:
        CannotPackError: if the charm lacks a file.
    """
    shared = list(also)
    for file in [*(charm / name for name in _FILES), charm / "src/charm.py", *shared]:
        if not file.is_file():
            raise CannotPackError(f"{file} is missing")
    _empty(into)
    for file in [*(charm / name for name in _FILES), *shared]:
        shutil.copy2(file, into)
    shutil.copytree(charm / "src", into / "src", ignore=_without_caches)
    for package, library in sorted(_imported(charm / "src", libraries).items()):
        _copy(package, into / "lib" / package.relative_to(library))


def _empty(folder: Path) -> None:
    # The folder itself stays, since charmcraft finds its container by it.
    folder.mkdir(parents=True, exist_ok=True)
    for each in folder.iterdir():
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        else:
            each.unlink()


def _imported(source: Path, libraries: Sequence[Path]) -> dict[Path, Path]:
    """The packages and lone modules that a charm imports, each with the library that it is in."""
    modules = follow(source / "charm.py", [source, *libraries]).modules.values()
    found: dict[Path, Path] = {}
    for library in libraries:
        for module in modules:
            if module.is_relative_to(library):
                found[_whole(module, library)] = library
    return found


def _whole(module: Path, library: Path) -> Path:
    """Return the outermost package of a module; the module itself if it has none."""
    inside_out = [folder for folder in module.parents if folder.is_relative_to(library)]
    packages = [folder for folder in inside_out if (folder / "__init__.py").is_file()]
    return packages[-1] if packages else module


def _copy(package: Path, to: Path) -> None:
    if package.is_dir():
        shutil.copytree(package, to, ignore=_without_caches)
    else:
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(package, to)
