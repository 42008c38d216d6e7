"""What the charms may do in Kubernetes, as the reference tells people."""

from pathlib import Path

import yaml

from tests.support.faulty_server import Permission

ROLES = Path(__file__).parents[2] / "docs" / "reference" / "roles"


def role(name: str) -> frozenset[Permission]:
    """All that a role grants."""
    rules = yaml.safe_load((ROLES / f"{name}.yaml").read_text())["rules"]
    return frozenset(
        Permission(group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    )
