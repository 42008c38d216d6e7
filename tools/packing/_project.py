"""The project's charms, and the folders that they are packed from."""

from pathlib import Path

from ._bases import BASES, Base
from ._charm_file import load_yaml
from ._errors import CannotPackError
from ._stage import stage

REPOSITORY = Path(__file__).parents[2]
DIST = REPOSITORY / "dist"
BUILD = REPOSITORY / "build"
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


def staged(charm: Path, into: Path) -> Path:
    """A charm put together for charmcraft, in the folder `into`."""
    libraries = [REPOSITORY / "lib", _TESTERS / "lib"]
    stage(
        charm, into, libraries=libraries, also=[REPOSITORY / "LICENSE", Path(__file__).with_name("dispatch")]
    )
    return into


def bases_of(charm: Path) -> list[Base]:
    """Return the bases that a charm runs on, in the order of its charmcraft.yaml.

    Raises:
        CannotPackError: if one of them is not known here.
    """
    names = dict.fromkeys(platform.rpartition(":")[0] for platform in platforms_of(charm))
    for name in names:
        if name not in BASES:
            raise CannotPackError(f"{charm.name}: base {name!r} is missing in tools/packing/_bases.py")
    return [BASES[name] for name in names]


def platforms_of(charm: Path) -> list[str]:
    """Return the platforms that a charm is for, like `ubuntu@24.04:amd64`."""
    return list(load_yaml((charm / "charmcraft.yaml").read_text())["platforms"])


def _in(folder: Path) -> list[Path]:
    return sorted(each.parent for each in folder.glob("*/charmcraft.yaml"))
