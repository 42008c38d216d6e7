"""The Go that builds the programs of the control plane, and the error where there is none."""

import os
from pathlib import Path

import pytest

from sandbox.control_plane import ISTIOD, LOKI, GoProgram, NotAvailableError
from sandbox.control_plane.__main__ import main
from sandbox.control_plane._programs import PROGRAMS

GO = """#!/bin/sh
if [ "$1" = env ]; then echo {version}; exit; fi
for argument; do
    if [ "$before" = -o ]; then echo "built by {version}" > "$argument"; fi
    before=$argument
done
"""


@pytest.fixture(autouse=True)
def nothing_is_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def install(monkeypatch: pytest.MonkeyPatch, folder: Path, *versions: str) -> list[Path]:
    """Put these on PATH, in this order, and before any other."""
    places = [folder / f"{number}" for number, _ in enumerate(versions)]
    for place, version in zip(places, versions, strict=True):
        place.mkdir()
        (place / "go").write_text(GO.format(version=version))
        (place / "go").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([*map(str, places), os.environ["PATH"]]))
    return places


def program(folder: Path, needed: str) -> GoProgram:
    module = folder / "module"
    module.mkdir()
    (module / "go.mod").write_text(f"module some.test/program\n\ngo {needed}\n")
    (module / "go.sum").touch()
    return GoProgram("program", module, ".")


@pytest.mark.parametrize(
    ("needed", "version"),
    [
        ("1.26.0", "go1.26.0"),
        ("1.26.5", "go1.26.10"),
        ("1.26.5", "go1.27rc1"),
        ("1.26.0", "devel go1.27-abcdef"),
        ("1.9", "go1.26.8 X:nocoverageredesign"),
    ],
)
def test_the_first_go_that_is_new_enough_builds_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, needed: str, version: str
):
    install(monkeypatch, tmp_path, "go1.3", "", version, "go1.99.0")
    assert program(tmp_path, needed).build().read_text() == f"built by {version}\n"


@pytest.mark.parametrize("version", ["go99.0rc1", "go98.1.7", "go9.99.99"])
def test_go_that_is_too_old_is_named_with_what_is_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
):
    (place,) = install(monkeypatch, tmp_path, version)
    with pytest.raises(
        NotAvailableError, match=f"^Go 99.0.0 or newer is needed, but {place}/go is {version}"
    ):
        program(tmp_path, "99.0.0").build()


def test_without_go_each_program_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sandbox.control_plane._go._FOLDER_OF_THE_INSTALLER", str(tmp_path))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    assert main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(PROGRAMS)
    for program, needed in ((ISTIOD, "1.26.0"), (LOKI, "1.26.5")):
        assert f"{program.name} is not built: Go {needed} or newer is needed, but no Go is installed" in lines
