"""Programs of this machine that stand in for those of container images."""

from pathlib import Path

import pytest

from sandbox.processes._programs import program

NAME = "nginx-prometheus-exporter"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only program on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def install(folder: Path, name: str, options: str) -> str:
    file = folder / name
    file.write_text(f"#!/bin/sh\necho '{options}'\n")
    file.chmod(0o755)
    return str(file)


def test_exporter_is_found_by_debians_name(folder: Path):
    assert program(NAME) is None
    file = install(folder, "prometheus-nginx-exporter", "--web.config.file --nginx.scrape-uri")
    assert program(NAME) == file


def test_exporter_without_needed_option_is_none(folder: Path):
    install(folder, "prometheus-nginx-exporter", "-web.telemetry-path -nginx.scrape-uri")
    assert program(NAME) is None
