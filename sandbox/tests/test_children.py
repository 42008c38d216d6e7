"""A killed process leaves no children and no folders."""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.children import own_folder

KILLED_BY_THE_TEST = """
import subprocess, sys
from sandbox.children import dies_with_parent, own_folder

with own_folder("test") as folder:
    child = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, preexec_fn=dies_with_parent())
    print(folder, child.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    """A process with a folder and a child, which it prints."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    command = [sys.executable, "-c", KILLED_BY_THE_TEST]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:
        yield process
        process.kill()


def test_folder_of_killed_owner_is_removed(holder: subprocess.Popen[str]):
    assert holder.stdout
    folder = Path(holder.stdout.readline().split()[0])
    with own_folder("test") as other:
        assert folder.is_dir()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with own_folder("test"):
            assert not folder.exists()
            assert other.is_dir()
    assert not other.exists()


def runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_child_is_killed_with_its_parent(holder: subprocess.Popen[str]):
    assert holder.stdout
    child = int(holder.stdout.readline().split()[1])
    assert runs(child)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    end = time.monotonic() + 5
    while runs(child) and time.monotonic() < end:
        time.sleep(0.01)
    assert not runs(child)
