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
        "import os\ndef function():\n    from sandbox.juju import Model\n    import istio_policies\n"
    )
    assert imported(module) == {"sandbox", ISTIO}
