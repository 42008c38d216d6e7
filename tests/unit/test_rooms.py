"""Imports go one way, from the charms down to the relation contract."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIB = ROOT / "lib"
MESH, OBJECTS, COS = "charmlibs.interfaces.service_mesh", "mesh_resources", "cos_interfaces"
WORKERS, INSPECTION = "coordinated_workers", "mesh_inspection"
MAY_IMPORT = {
    LIB / "charmlibs": {MESH},
    LIB / OBJECTS: {MESH, OBJECTS},
    LIB / COS: {COS},
    LIB / WORKERS: {MESH, OBJECTS, COS, WORKERS},
    LIB / INSPECTION: {MESH, OBJECTS, INSPECTION},
    LIB / "charms": {MESH, OBJECTS},
    ROOT / "charms" / "istio-beacon-k8s" / "src": {MESH, OBJECTS, COS, WORKERS, INSPECTION},
    ROOT / "charms" / "demo-coordinator-k8s" / "src": {MESH, OBJECTS, COS, WORKERS, INSPECTION},
    ROOT / "charms" / "demo-worker-k8s" / "src": {MESH, OBJECTS, COS, WORKERS},
}
ROOMS = (MESH, OBJECTS, COS, WORKERS, INSPECTION, "charms", "sandbox", "tests")


def imported(module: Path) -> set[str]:
    """The rooms of this project that a module imports from, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {room for room in ROOMS for name in names if f"{name}.".startswith(f"{room}.")}


@pytest.mark.parametrize("room", MAY_IMPORT, ids=lambda room: str(room.relative_to(ROOT)))
def test_a_room_imports_from_those_below_it_only(room: Path):
    modules = list(room.rglob("*.py"))
    assert modules
    for module in modules:
        assert imported(module) <= MAY_IMPORT[room], module


def test_an_import_is_seen_wherever_it_stands(tmp_path: Path):
    module = tmp_path / "module.py"
    module.write_text(
        "import os\ndef function():\n    from sandbox.juju import Model\n    import mesh_resources\n"
    )
    assert imported(module) == {"sandbox", OBJECTS}
