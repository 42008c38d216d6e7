"""Permissions of the charms in Kubernetes, as the reference lists them."""

import itertools
from pathlib import Path

import yaml

from tests.support.faulty_server import Permission

ROLES = Path(__file__).parents[2] / "docs" / "reference" / "roles"


def role(name: str) -> frozenset[Permission]:
    """All that a role grants."""
    rules = yaml.safe_load((ROLES / f"{name}.yaml").read_text())["rules"]
    granted: set[Permission] = set()
    for rule in rules:
        each = itertools.product(rule["apiGroups"], rule["resources"], rule["verbs"])
        granted |= set(itertools.starmap(Permission, each))
    return frozenset(granted)
