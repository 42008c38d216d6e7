"""The project's charms, and what they are packed with."""

from pathlib import Path

from ._bases import BASES, Base
from ._charm_file import load_yaml
from ._errors import CannotPackError
from ._stage import stage

REPOSITORY = Path(__file__).parents[2]
DIST = REPOSITORY / "dist"
_BUILD = REPOSITORY / "build"
_TESTERS = REPOSITORY / "tests/integration/testers"


def charms() -> list[Path]:
    """The folders of the charms that people deploy."""
    return _in(REPOSITORY / "charms")


def testers() -> list[Path]:
    """The folders of the charms that the integration tests deploy besides."""
    return _in(_TESTERS)


def folder_of(name: str) -> Path:
    """The folder of the charm of that name.

    Raises:
        CannotPackError: if there is none.
    """
    for charm in [*charms(), *testers()]:
        if charm.name == name:
            return charm
    raise CannotPackError(f"there is no charm {name} in this repository")


def staged(charm: Path, into: Path | None = None) -> Path:
    """A charm put together for charmcraft, in a folder that stays the same from time to time."""
    into = into or _BUILD / charm.name
    libraries = [REPOSITORY / "lib", _TESTERS / "lib"]
    stage(
        charm, into, libraries=libraries, also=[REPOSITORY / "LICENSE", Path(__file__).with_name("dispatch")]
    )
    return into


def base_of(charm: Path) -> Base:
    """What a charm runs on.

    Raises:
        CannotPackError: if that is nothing known here.
    """
    name = load_yaml((charm / "charmcraft.yaml").read_text()).get("base")
    if name not in BASES:
        raise CannotPackError(f"{charm.name} is for base {name}, which packing/_bases.py does not know")
    return BASES[name]


def platforms_of(charm: Path) -> list[str]:
    """The platforms that a charm is for."""
    return list(load_yaml((charm / "charmcraft.yaml").read_text())["platforms"])


def _in(folder: Path) -> list[Path]:
    return sorted(each.parent for each in folder.glob("*/charmcraft.yaml"))
