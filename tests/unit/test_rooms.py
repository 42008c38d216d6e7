"""Imports go in one direction, from the charms to the relation contract, without circles."""

import ast
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIB = ROOT / "lib"
DATABAGS, KUBERNETES = "relation_data", "k8s_charm"
MESH, ISTIO = "charmlibs.interfaces.service_mesh", "istio_policies"
COS, WORKERS, INSPECTION = "cos_interfaces", "coordinated_workers", "mesh_inspection"
BASE = {DATABAGS, KUBERNETES, MESH, ISTIO}
MAY_IMPORT = {
    LIB / DATABAGS: {DATABAGS},
    LIB / KUBERNETES: {DATABAGS, KUBERNETES},
    LIB / "charmlibs": {DATABAGS, KUBERNETES, MESH},
    LIB / ISTIO: BASE,
    LIB / COS: {DATABAGS, COS},
    LIB / WORKERS: {*BASE, COS, WORKERS},
    LIB / INSPECTION: {*BASE, INSPECTION},
    LIB / "charms": {MESH, ISTIO},
    ROOT / "charms" / "istio-beacon-k8s" / "src": {*BASE, COS, WORKERS, INSPECTION},
    ROOT / "charms" / "demo-coordinator-k8s" / "src": {*BASE, COS, WORKERS, INSPECTION},
    ROOT / "charms" / "demo-worker-k8s" / "src": {*BASE, COS, WORKERS},
}
ROOMS = (DATABAGS, KUBERNETES, MESH, ISTIO, COS, WORKERS, INSPECTION, "charms", "sandbox", "tools", "tests")


TESTS, SANDBOX_TESTS = ROOT / "tests", ROOT / "sandbox" / "tests"
TEST_TREES = [
    SANDBOX_TESTS,
    *(
        folder
        for folder in (*sorted(TESTS.iterdir()), *sorted((TESTS / "unit").iterdir()))
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
    return {room for room in ROOMS if any(f"{name}.".startswith(f"{room}.") for name in names)}


@pytest.mark.parametrize("room", MAY_IMPORT, ids=lambda room: str(room.relative_to(ROOT)))
def test_package_imports_only_those_below(room: Path):
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


def package_of(module: Path, root: Path) -> list[str]:
    return list(module.relative_to(root).parts[:-1])


def dependencies(root: Path, folder: Path) -> dict[str, set[str]]:
    """Return each module below a folder with those below it that it imports from, by their names from `root`
    on.
    """
    files = [file for file in folder.rglob("*.py") if SANDBOX_TESTS not in file.parents]
    modules = {
        ".".join([*package_of(file, root), *([] if file.stem == "__init__" else [file.stem])]): file
        for file in files
    }
    return {name: {*imported_modules(file, root, modules)} - {name} for name, file in modules.items()}


def imported_modules(file: Path, root: Path, modules: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom):
            package = package_of(file, root)
            base = package[: len(package) + 1 - node.level] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                name = f"{start}.{alias.name}"
                yield from [name] if name in modules else [start] if start in modules else []


def circle(graph: Mapping[str, set[str]]) -> set[str]:
    """The modules that are in circles, or between two of them."""
    left = {name: set(others) for name, others in graph.items()}
    while ends := {name for name, others in left.items() if not others & left.keys()}:
        left = {name: others for name, others in left.items() if name not in ends}
    while starts := left.keys() - set(itertools.chain.from_iterable(left.values())):
        left = {name: others for name, others in left.items() if name not in starts}
    return set(left)


FOLDERS = [
    pytest.param(LIB, LIB, id="lib"),
    pytest.param(ROOT, ROOT / "sandbox", id="sandbox"),
    pytest.param(ROOT, ROOT / "tools", id="tools"),
    *(pytest.param(source, source, id=source.parent.name) for source in sorted(ROOT.glob("charms/*/src"))),
]


@pytest.mark.parametrize(("root", "folder"), FOLDERS)
def test_no_module_imports_itself_by_way_of_others(root: Path, folder: Path):
    graph = dependencies(root, folder)
    assert any(graph.values())
    assert circle(graph) == set()


def test_circle_is_seen_wherever_its_imports_stand(tmp_path: Path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("def function():\n    from . import b\n")
    (package / "b.py").write_text("if TYPE_CHECKING:\n    from package.c import Name\n")
    (package / "c.py").write_text("import package.a\n")
    (package / "d.py").write_text("from .a import function\n")
    assert circle(dependencies(tmp_path, package)) == {"package.a", "package.b", "package.c"}


def test_import_inside_function_is_found(tmp_path: Path):
    module = tmp_path / "module.py"
    module.write_text(
        "import os\ndef function():\n    from sandbox.juju import Model\n    import istio_policies\n"
    )
    assert imported(module) == {"sandbox", ISTIO}


COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def nested_comprehensions(module: ast.AST) -> list[int]:
    """The lines of comprehensions with more than one loop, which read better as loops or functions."""
    return [
        node.lineno
        for node in ast.walk(module)
        if isinstance(node, COMPREHENSIONS) and len(node.generators) > 1
    ]


@pytest.mark.parametrize("room", ["lib", "charms", "sandbox", "tools"])
def test_comprehensions_have_one_loop(room: str):
    modules = [file for file in (ROOT / room).rglob("*.py") if SANDBOX_TESTS not in file.parents]
    assert modules
    for module in modules:
        assert nested_comprehensions(ast.parse(module.read_text())) == [], module


def test_nested_comprehension_is_found():
    assert nested_comprehensions(ast.parse("a = {\n    y for x in z for y in x\n}")) == [1]
