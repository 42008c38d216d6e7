"""The charms that the tests deploy, as files."""

import os
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[3]
_SOURCES = (REPOSITORY / "charms", REPOSITORY / "tests/integration/testers")

PUBLISHED_PLATFORM = "ubuntu@22.04-amd64"
"""What the published beacon is built for; a refresh keeps an application's base."""

CHARMS_DIR = "CHARMS_DIR"
"""Names, in the environment, the folder with the packed charms; without it, they are in `dist`."""


def charm_file(name: str, platform: str = "ubuntu@24.04-amd64") -> Path:
    """Return the packed charm of that name.

    Raises:
        FileNotFoundError: if it has not been packed.
    """
    folder = Path(os.environ.get(CHARMS_DIR, REPOSITORY / "dist"))
    file = (folder / f"{name}_{platform}.charm").resolve()
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing: run 'make pack', and 'make pack TESTERS=1' for testers")
    return file


def images(name: str) -> dict[str, str]:
    """The image of each resource of a charm, as its charmcraft.yaml names them."""
    source = next(folder / name for folder in _SOURCES if (folder / name).is_dir())
    charmcraft: dict[str, Any] = yaml.safe_load((source / "charmcraft.yaml").read_text())
    return {key: resource["upstream-source"] for key, resource in charmcraft.get("resources", {}).items()}
