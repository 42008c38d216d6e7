"""Checks of the files in a packed charm."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ._bases import BASES
from ._charm_file import CharmFile, files_in, load_yaml

# Read by charmcraft only.
_INSTRUCTIONS = frozenset({"charmcraft.yaml", "requirements.txt"})
_PROGRAMS = ("dispatch", "src/charm.py")
_METADATA = (
    *("name", "display-name", "summary", "description", "assumes", "charm-user"),
    *("containers", "resources", "peers", "provides", "requires"),
)
_ENVIRONMENT = "venv/pyvenv.cfg"
_RENAMED = {"display-name": "title"}
"""By the name in metadata.yaml, the name in charmcraft.yaml."""
_EXTRA_FOLDERS = frozenset({"test", "tests", ".git", ".hypothesis", ".pytest_cache", ".ruff_cache", ".tox"})


def problems(charm: CharmFile, staged: Path) -> list[str]:
    """Return the errors in the files of a packed charm; none if it is as staged.

    Args:
        charm: the packed charm.
        staged: the folder to be packed, staged again.
    """
    return [*_of_files(charm, staged), *_of_metadata(charm, staged)]


def notes(charm: CharmFile) -> list[str]:
    """Return the reason that the charm may be checked and not published; empty if both are possible."""
    return [
        f"packed for Python {charm.python}, but {base} has {BASES[base].python}: not to be published"
        for base in charm.bases
        if charm.python not in (BASES[base].python, None)
    ]


def _of_files(charm: CharmFile, staged: Path) -> Iterator[str]:
    source = load_yaml((staged / "charmcraft.yaml").read_text())
    copied = set(files_in(staged)) - _INSTRUCTIONS
    made = {"manifest.yaml", "metadata.yaml"} | {
        f"{key}.yaml" for key in ("actions", "config") if key in source
    }
    for name in sorted(copied | made):
        if name not in charm.names:
            yield f"{name} is missing"
        elif name in copied and charm.read(name) != (staged / name).read_bytes():
            yield f"{name} is not as it is in the repository: pack again"
    yield from (f"{extra} should not be in it" for extra in sorted(_extra(charm.names - copied - made)))
    if charm.python is None:
        yield "venv/ has no Python packages"
    yield from _of_environment(charm)
    yield from (
        f"{name} can't be run" for name in _PROGRAMS if name in charm.names and not charm.is_executable(name)
    )


def _of_environment(charm: CharmFile) -> Iterator[str]:
    text = charm.read(_ENVIRONMENT).decode() if _ENVIRONMENT in charm.names else ""
    for line in text.splitlines():
        if "/" in line and line != "home = /usr/bin":
            yield f"{_ENVIRONMENT} names a path of the machine that packed it: {line}"


def _extra(names: Iterable[str]) -> set[str]:
    """Return superfluous folders, and superfluous files outside the Python environment."""
    extra: set[str] = set()
    for name in names:
        parts = name.split("/")
        folder = next((index for index, part in enumerate(parts[:-1]) if part in _EXTRA_FOLDERS), None)
        if folder is not None:
            extra.add("/".join(parts[: folder + 1]) + "/")
        elif parts[0] != "venv":
            extra.add(name)
    return extra


def _of_metadata(charm: CharmFile, staged: Path) -> Iterator[str]:
    source = load_yaml((staged / "charmcraft.yaml").read_text())
    metadata = charm.yaml("metadata.yaml")
    for key in _METADATA:
        if metadata.get(key) != source.get(_RENAMED.get(key, key)):
            yield f"metadata.yaml: {key} differs from charmcraft.yaml"
    for key in ("actions", "config"):
        if charm.yaml(f"{key}.yaml") != source.get(key, {}):
            yield f"{key}.yaml differs from charmcraft.yaml"
    expected = sorted({platform.rpartition(":")[0] for platform in source["platforms"]})
    if len(charm.bases) != 1 or charm.bases[0] not in expected:
        found = ", ".join(charm.bases) or "missing"
        yield f"manifest.yaml: the bases are {found}, not one of {', '.join(expected)}"
