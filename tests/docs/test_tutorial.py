"""The tutorial of the sandbox, run step by step as it is written, in a copy of the repository."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pages import REPOSITORY, SANDBOX, Block, Page

TUTORIAL = Page(REPOSITORY / "docs/tutorials/sandbox.md")
FOLDERS = ("charms", "lib", "sandbox")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files that a reader of the tutorial has in a clone."""
    copy = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *FOLDERS],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        file = copy / name
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, file)
    return copy


def done(words: list[str], copy: Path) -> str:
    """Run a command of the sandbox and return its output, each line without spare spaces."""
    environment = {**os.environ, "PYTHONPATH": f"{copy}/lib:{copy}", "COLUMNS": "200"}
    environment.pop("PEER_PYTHON", None)
    ran = subprocess.run(
        [sys.executable, "-m", "sandbox", *words], cwd=copy, env=environment, capture_output=True, text=True
    )
    assert ran.stdout, ran.stderr
    return squeezed(ran.stdout)


def squeezed(text: str) -> str:
    return re.sub("[ \t]+", " ", text)


def change(block: Block, copy: Path) -> None:
    """Apply a sample of a change: replace one line by another one."""
    file = copy / re.findall(r"^\+\+\+ b/(.*)$", block.text, re.MULTILINE)[0]
    (old,), (new,) = (re.findall(rf"^\{sign}( .*)$", block.text, re.MULTILINE) for sign in "-+")
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def test_each_step_prints_what_tutorial_shows(copy: Path):
    printed, compared = "", 0
    for block in TUTORIAL.blocks:
        if block.language == "shell":
            (words,) = block.commands
            if words[0] != "make":  # the whole demo, which has its own tests
                assert tuple(words[: len(SANDBOX)]) == SANDBOX
                printed = done(words[len(SANDBOX) :], copy)
        elif block.language == "diff":
            change(block, copy)
        elif block.language == "text":
            for line in block.text.splitlines():
                assert squeezed(line) in printed
                compared += 1
    assert compared > 5
