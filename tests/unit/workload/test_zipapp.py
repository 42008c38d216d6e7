import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.charms import CHARMS
from tests.support.workload_process import program

SOURCE = CHARMS / "demo-worker-k8s" / "src"


def built_from(folder: Path) -> bytes:
    """Build the program of another copy of the charm."""
    names = {"__file__": str(folder / "kv_zipapp.py"), "__name__": "kv_zipapp"}
    exec((folder / "kv_zipapp.py").read_text(), names)
    return names["build"]()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SOURCE, tmp_path / "copy"))


def test_zipapp_is_reproducible(copy: Path):
    for number, module in enumerate((copy / "kv_workload").glob("*.py")):
        os.utime(module, (10**9 + number, 10**9 + number))
        module.chmod(0o600)
    cache = copy / "kv_workload" / "__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "_main.cpython-399.pyc").write_bytes(b"?")
    assert built_from(copy) == program().read_bytes()


def test_changed_module_changes_program(copy: Path):
    with (copy / "kv_workload" / "_store.py").open("a") as module:
        module.write("# changed\n")
    assert built_from(copy) != program().read_bytes()


def test_zipapp_has_each_module_once():
    names = zipfile.ZipFile(program()).namelist()
    modules = {f"kv_workload/{module.name}" for module in (SOURCE / "kv_workload").glob("*.py")}
    assert sorted(names) == sorted({"__main__.py", *modules})


def test_program_imports_standard_library_only():
    packing = pytest.importorskip("tools.packing._imports")
    foreign = packing.follow(SOURCE / "kv_workload" / "__main__.py", [SOURCE]).foreign
    assert {name.partition(".")[0] for name in foreign} <= sys.stdlib_module_names
