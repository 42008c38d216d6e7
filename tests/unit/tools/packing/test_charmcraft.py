"""Calls of charmcraft, with a program in its place; `make pack` calls the real one."""

import json
import os
from pathlib import Path

import pytest

from tools.packing import BASES, CannotPackError, pack

BASE = BASES["ubuntu@24.04"]
PACKS = "if [ \"$1\" = pack ]; then echo zip > shop_ubuntu@24.04-amd64.charm; else echo '{results}'; fi"


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    staged = tmp_path / "build/shop"
    staged.mkdir(parents=True)
    return staged


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH but the shell."""
    path = tmp_path / "bin"
    path.mkdir()
    (path / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.delenv("CHARMCRAFT", raising=False)
    return path


def charmcraft(path: Path, script: str, *results: dict[str, str]) -> Path:
    program = path / "charmcraft"
    program.write_text("#!/bin/sh\n" + script.replace("{results}", json.dumps(results)))
    program.chmod(0o755)
    return program


def test_packed_charm_is_moved_to_its_folder(staged, path, tmp_path):
    charmcraft(path, PACKS)
    assert pack(staged, tmp_path / "dist", BASE) == [tmp_path / "dist/shop_ubuntu@24.04-amd64.charm"]
    assert (tmp_path / "dist/shop_ubuntu@24.04-amd64.charm").read_text() == "zip\n"
    assert not list(staged.iterdir())


def test_charm_that_charmcraft_cannot_pack_is_named(staged, path, tmp_path):
    charmcraft(path, "exit 1")
    with pytest.raises(CannotPackError, match="can't pack shop"):
        pack(staged, tmp_path / "dist", BASE)


def test_fault_that_charmcraft_finds_is_reported(staged, path, tmp_path):
    fault = {"check_type": "lint", "name": "naming", "result": "warning", "text": "Snakes in names."}
    well = {"check_type": "lint", "name": "config", "result": "ok", "text": ""}
    attribute = {"check_type": "attribute", "name": "framework", "result": "unknown", "text": ""}
    charmcraft(path, PACKS, well, attribute, fault)
    with pytest.raises(CannotPackError, match=r"naming: Snakes in names\."):
        pack(staged, tmp_path / "dist", BASE)


def test_missing_charmcraft_is_named_with_remedy(staged, path, tmp_path):
    with pytest.raises(CannotPackError, match="snap install charmcraft"):
        pack(staged, tmp_path / "dist", BASE)


def test_without_snap_supported_system_is_needed(staged, path, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("CHARMCRAFT", str(charmcraft(tmp_path / "elsewhere", PACKS)))
    with pytest.raises(CannotPackError, match="Debian or Ubuntu"):
        pack(staged, tmp_path / "dist", BASE)


def test_without_snap_root_is_needed(staged, path, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("CHARMCRAFT", str(charmcraft(tmp_path / "elsewhere", PACKS)))
    for program in ("apt-get", "unshare"):
        (path / program).symlink_to("/bin/true")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(CannotPackError, match="needs root"):
        pack(staged, tmp_path / "dist", BASE)


def test_base_writes_os_release():
    assert BASE.os_release.splitlines() == [
        "NAME=Ubuntu",
        "ID=ubuntu",
        'VERSION_ID="24.04"',
        "VERSION_CODENAME=noble",
    ]
