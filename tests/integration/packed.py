"""The charms that the tests deploy, as files."""

import os
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[2]
_SOURCES = (REPOSITORY / "charms", REPOSITORY / "tests/integration/testers")

CHARMS_DIR = "CHARMS_DIR"
"""Names, in the environment, the folder with the packed charms; without it, they are in `dist`."""


def charm_file(name: str, arch: str = "amd64") -> Path:
    """The packed charm of that name.

    Raises:
        FileNotFoundError: if it has not been packed.
    """
    folder = Path(os.environ.get(CHARMS_DIR, REPOSITORY / "dist"))
    file = (folder / f"{name}_{arch}.charm").resolve()
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing: run 'make pack', and 'make pack-testers' for testers")
    return file


def images(name: str) -> dict[str, str]:
    """The image of each resource of a charm, as its charmcraft.yaml names them."""
    source = next(folder / name for folder in _SOURCES if (folder / name).is_dir())
    charmcraft: dict[str, Any] = yaml.safe_load((source / "charmcraft.yaml").read_text())
    return {key: resource["upstream-source"] for key, resource in charmcraft.get("resources", {}).items()}
