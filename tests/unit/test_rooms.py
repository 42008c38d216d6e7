"""Imports go one way, from the charms down to the relation contract."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIB = ROOT / "lib"
KUBERNETES, MESH, ISTIO = "k8s_charm", "charmlibs.interfaces.service_mesh", "istio_policies"
COS, WORKERS, INSPECTION = "cos_interfaces", "coordinated_workers", "mesh_inspection"
BASE = {KUBERNETES, MESH, ISTIO}
MAY_IMPORT = {
    LIB / KUBERNETES: {KUBERNETES},
    LIB / "charmlibs": {KUBERNETES, MESH},
    LIB / ISTIO: BASE,
    LIB / COS: {COS},
    LIB / WORKERS: {*BASE, COS, WORKERS},
    LIB / INSPECTION: {*BASE, INSPECTION},
    LIB / "charms": {MESH, ISTIO},
    ROOT / "charms" / "istio-beacon-k8s" / "src": {*BASE, COS, WORKERS, INSPECTION},
    ROOT / "charms" / "demo-coordinator-k8s" / "src": {*BASE, COS, WORKERS, INSPECTION},
    ROOT / "charms" / "demo-worker-k8s" / "src": {*BASE, COS, WORKERS},
}
ROOMS = (KUBERNETES, MESH, ISTIO, COS, WORKERS, INSPECTION, "charms", "sandbox", "tools", "tests")


TESTS, SANDBOX_TESTS = ROOT / "tests", ROOT / "sandbox" / "tests"
TEST_TREES = [
    SANDBOX_TESTS,
    *(
        folder
        for parent in (TESTS, TESTS / "unit")
        for folder in sorted(parent.iterdir())
        if folder.name != "unit" and next(folder.rglob("*.py"), None)
    ),
]


def names_imported(module: Path) -> set[str]:
    """The full names of what a module imports absolutely, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imported(module: Path) -> set[str]:
    """The rooms of this project that a module imports from, anywhere in it."""
    names = names_imported(module)
    return {room for room in ROOMS for name in names if f"{name}.".startswith(f"{room}.")}


@pytest.mark.parametrize("room", MAY_IMPORT, ids=lambda room: str(room.relative_to(ROOT)))
def test_a_room_imports_from_those_below_it_only(room: Path):
    modules = list(room.rglob("*.py"))
    assert modules
    for module in modules:
        assert imported(module) <= MAY_IMPORT[room], module


@pytest.mark.parametrize("tree", TEST_TREES, ids=lambda tree: str(tree.relative_to(ROOT)))
def test_tests_share_by_way_of_support_only(tree: Path):
    package = ".".join(tree.relative_to(ROOT).parts)
    allowed = (f"{package}.",) if tree == SANDBOX_TESTS else (f"{package}.", "tests.support.")
    for module in tree.rglob("*.py"):
        of_tests = {name for name in names_imported(module) if name.startswith(("tests.", "sandbox.tests."))}
        assert {name for name in of_tests if not name.startswith(allowed)} == set(), module


def test_an_import_is_seen_wherever_it_stands(tmp_path: Path):
    module = tmp_path / "module.py"
    module.write_text(
        "import os\ndef function():\n    from sandbox.juju import Model\n    import istio_policies\n"
    )
    assert imported(module) == {"sandbox", ISTIO}
