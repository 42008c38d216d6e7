"""A packed charm, and the problems of its contents."""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import yaml

from ._errors import CannotPackError

_PYTHON_IN = re.compile(r"venv/lib/python(\d+\.\d+)/")


@dataclass(frozen=True)
class CharmFile:
    """A file that charmcraft has packed."""

    path: Path

    @property
    def name(self) -> str:
        """The name of the charm."""
        return str(self.yaml("metadata.yaml")["name"])

    @property
    def python(self) -> str | None:
        """The version of the Python that its environment is for, like `3.12`; None if it has none."""
        versions = {found[1] for name in self.names if (found := _PYTHON_IN.match(name))}
        return max(versions, default=None)

    @property
    def bases(self) -> list[str]:
        """The bases that it was packed for, like `ubuntu@24.04`."""
        return [f"{base['name']}@{base['channel']}" for base in self.yaml("manifest.yaml").get("bases", [])]

    @cached_property
    def names(self) -> frozenset[str]:
        """The paths of the files in it."""
        with self._open() as packed:
            return frozenset(name for name in packed.namelist() if not name.endswith("/"))

    def read(self, name: str) -> bytes:
        """Return the content of a file in it."""
        with self._open() as packed:
            return packed.read(name)

    def yaml(self, name: str) -> dict[str, Any]:
        """Return the contents of a YAML file in it; nothing if there is no such file."""
        return load_yaml(self.read(name).decode()) if name in self.names else {}

    def unpack(self, into: Path) -> None:
        """Unpack it as Juju does, with the permissions of its files."""
        with self._open() as packed:
            for each in packed.infolist():
                extracted = Path(packed.extract(each, into))
                if mode := each.external_attr >> 16:
                    extracted.chmod(mode & 0o777)

    def is_executable(self, name: str) -> bool:
        """Return whether a file in it is a program."""
        with self._open() as packed:
            return bool(packed.getinfo(name).external_attr >> 16 & 0o100)

    def _open(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except (OSError, zipfile.BadZipFile) as error:
            raise CannotPackError(f"{self.path} is not a packed charm: {error}") from None


def files_in(folder: Path) -> Iterator[str]:
    """The paths of all files in a folder, relative to it."""
    return (file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def load_yaml(text: str) -> dict[str, Any]:
    """Return a YAML mapping; empty for an empty text."""
    return cast("dict[str, Any]", yaml.safe_load(text) or {})
