"""Charms are packed with their dependencies, and with nothing else."""

import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tools.packing import follow

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

REPOSITORY = Path(__file__).parents[4]
CHARMS = sorted(file.parent for file in REPOSITORY.glob("charms/*/charmcraft.yaml"))
ALL_CHARMS = pytest.mark.parametrize("charm", CHARMS, ids=lambda charm: charm.name)


def toml(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text())


def declared(charm: Path) -> set[str]:
    project = toml(charm / "pyproject.toml")["project"]
    return {re.split(r"[\[<>=~! ]", requirement)[0] for requirement in project["dependencies"]}


def provider_of(module: str) -> str:
    """The distribution that a module comes from; each of them has a module or a namespace of its name."""
    package = module.partition(".")[0]
    for name in (module, package, *metadata.packages_distributions().get(package, [])):
        try:
            return metadata.metadata(re.sub(r"[._]", "-", name))["Name"].lower().replace("_", "-")
        except metadata.PackageNotFoundError:
            continue
    raise LookupError(module)


@ALL_CHARMS
def test_charm_declares_no_package_that_it_does_not_import(charm):
    foreign = follow(charm / "src/charm.py", [charm / "src", REPOSITORY / "lib"]).foreign
    imported = {
        provider_of(module) for module in foreign if module.partition(".")[0] not in sys.stdlib_module_names
    }
    assert declared(charm) <= imported


@ALL_CHARMS
def test_requirements_are_pinned_with_hashes(charm):
    text = (charm / "requirements.txt").read_text()
    pinned = re.findall(r"^([a-z0-9-]+)==\S+.*((?:\n    --hash=sha256:[0-9a-f]{64}.*)+)", text, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^\S", text, re.MULTILINE))
    assert declared(charm) <= {name for name, _ in pinned}
    assert "://" not in text


def test_sandbox_runs_on_what_it_declares():
    lines = (REPOSITORY / "requirements/sandbox.txt").read_text().splitlines()
    declared_there = toml(REPOSITORY / "sandbox/pyproject.toml")["project"]["dependencies"]
    assert [line for line in lines if not line.startswith("#")] == [
        requirement for requirement in declared_there if not requirement.startswith("istio-beacon-libs")
    ]
