"""Alert rules without their groups."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def rules_of(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rules of all groups."""
    return list(itertools.chain.from_iterable(group["rules"] for group in content["groups"]))


def rules_in(*files: Path) -> list[dict[str, Any]]:
    """Return the rules in files."""
    return list(itertools.chain.from_iterable(rules_of(yaml.safe_load(file.read_text())) for file in files))
