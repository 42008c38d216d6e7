"""Tests that detect a change of a module, or do not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
MODULE = "def is_allowed(port):\n    return port == 80\n"
TESTS = "import module\n\n\ndef test_another_port():\n    assert not module.is_allowed(81)\n"
PROGRAM = """
import sys
from pathlib import Path
from tools.mutation._forked_tests import ForkedTests

tests = ForkedTests(["test_module.py"], Path("work"))
print(tests.pass_with(Path("module.py"), sys.argv[1]))
"""


def run(folder: Path, text: str, tests: str = TESTS) -> "subprocess.CompletedProcess[str]":
    (folder / "module.py").write_text(MODULE)
    (folder / "test_module.py").write_text(tests)
    (folder / "work").mkdir()
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, text],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'lib'}{os.pathsep}{ROOT}{os.pathsep}{folder}"},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("old", "new", "passes"),
    [("==", "<=", True), ("==", "!=", False), ("return", "raise", False)],
    ids=["unnoticed", "noticed", "broken"],
)
def test_a_change(tmp_path: Path, old: str, new: str, passes: bool):
    done = run(tmp_path, MODULE.replace(old, new))
    assert done.stdout.strip() == str(passes), done.stderr
    assert (tmp_path / "module.py").read_text() == MODULE


def test_tests_that_fail_anyway(tmp_path: Path):
    done = run(tmp_path, MODULE, TESTS.replace("assert not", "assert"))
    assert "test_another_port" in done.stderr
    assert done.returncode
