from pathlib import Path

import pytest

from tools.packing import follow


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in {
        "tools/__init__.py": "from ._saw import cut",
        "tools/_saw.py": "import steel",
        "tools/unused.py": "import rust",
        "brand/paint/__init__.py": "from . import colours",
        "brand/paint/colours.py": "from ..glue import sticky",
        "brand/glue.py": "",
        "screws.py": "",
    }.items():
        file = tmp_path / "library" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "library"


def imports_of(text: str, root: Path) -> tuple[set[str], set[str]]:
    program = root.parent / "program.py"
    program.write_text(text)
    found = follow(program, [root])
    return set(found.modules) - {"__main__"}, set(found.foreign)


def test_modules_are_followed_from_one_to_the_next(root: Path):
    assert imports_of("import tools", root) == ({"tools", "tools._saw"}, {"steel"})


def test_imports_inside_of_functions_count(root: Path):
    text = "def fix():\n    if broken:\n        from screws import Screw"
    assert imports_of(text, root) == ({"screws"}, set())


def test_relative_imports_in_namespace_packages(root: Path):
    assert imports_of("import brand.paint", root)[0] == {"brand.paint", "brand.paint.colours", "brand.glue"}


def test_what_is_imported_from_package_may_be_module_of_it(root: Path):
    assert imports_of("from brand import glue", root) == ({"brand.glue"}, set())


def test_module_brings_packages_that_it_is_in(root: Path):
    assert imports_of("import tools._saw", root)[0] == {"tools", "tools._saw"}


def test_part_of_shared_namespace_may_be_foreign(root: Path):
    assert imports_of("from brand.varnish import Clear", root) == (set(), {"brand.varnish"})


@pytest.mark.parametrize("name", ["TYPE_CHECKING", "typing.TYPE_CHECKING"])
def test_type_checking_imports_do_not_count(root: Path, name: str):
    assert imports_of(f"if {name}:\n    import steel\nelse:\n    import wood", root)[1] == {"wood"}


@pytest.mark.parametrize("error", ["ImportError", "ModuleNotFoundError", "(ImportError, AttributeError)"])
def test_what_program_can_do_without_does_not_count(root: Path, error: str):
    assert imports_of(f"try:\n    import steel\nexcept {error}:\n    steel = None", root)[1] == set()


def test_imports_in_other_attempts_count(root: Path):
    assert imports_of("try:\n    import steel\nexcept ValueError:\n    pass", root)[1] == {"steel"}


def test_modules_that_import_each_other_are_followed_once(root: Path):
    (root / "hen.py").write_text("import egg")
    (root / "egg.py").write_text("import hen")
    assert imports_of("import hen", root)[0] == {"hen", "egg"}


def test_the_first_root_that_has_module_is_taken(root: Path, tmp_path: Path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "screws.py").write_text("import brass")
    (tmp_path / "program.py").write_text("import screws")
    assert follow(tmp_path / "program.py", [own, root]).foreign == {"brass"}
