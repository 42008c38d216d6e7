"""The documentation's samples work."""

import itertools
import re
from typing import Any

import hcl2
import pytest
import typer.main
import yaml

from sandbox._cli import app as sandbox_app
from tests.support.pages import (
    REPOSITORY,
    SANDBOX,
    Page,
    commands,
    make_targets,
    pages,
    pages_with,
    values_of,
)

TOOLS = {
    *(".venv/bin/tox", "cd", "curl", "echo", "git", "juju", "kubectl", "make", "pre-commit", "python3"),
    *("source", "sudo", "uv"),
}


def test_there_are_samples_of_each_kind():
    languages = {block.language for block in itertools.chain(*(page.blocks for page in pages()))}
    assert {"hcl", "python", "shell", "yaml"} <= languages


def test_sample_keeps_lines_that_it_has_on_its_page():
    for page in pages_with("python"):
        lines = page.file.read_text().splitlines()
        for number, line in enumerate(page.program.splitlines()):
            assert line in ("", lines[number])


@pytest.mark.parametrize("page", pages_with("python"), ids=str)
def test_python_runs_and_its_tests_pass(page: Page):
    names: dict[str, Any] = {"__name__": "sample"}
    exec(compile(page.program, str(page), "exec"), names)
    for name, value in names.items():
        if name.startswith("test_"):
            value()


@pytest.mark.parametrize("page", pages_with("yaml"), ids=str)
def test_yaml_can_be_read(page: Page):
    for block in page.of("yaml"):
        assert all(isinstance(document, dict) for document in yaml.safe_load_all(block.text))


@pytest.mark.parametrize("page", pages_with("hcl"), ids=str)
def test_terraform_can_be_read(page: Page):
    for block in page.of("hcl"):
        assert hcl2.loads(block.text)


@pytest.mark.parametrize("page", pages_with("shell"), ids=str)
def test_commands_are_of_tools_that_reader_is_reported(page: Page):
    assert {words[0] for words in commands(page)} <= TOOLS


@pytest.mark.parametrize("page", pages(), ids=str)
def test_what_is_made_can_be_made(page: Page):
    named = set(re.findall(r"`make ([\w-]+)", page.file.read_text()))
    assert named | {words[0] for words in commands(page, "make")} <= make_targets()


@pytest.mark.parametrize("page", pages_with("shell"), ids=str)
def test_environments_of_tox_exist(page: Page):
    known = set(re.findall(r"^\[testenv:([\w-]+)\]", (REPOSITORY / "tox.ini").read_text(), re.MULTILINE))
    for words in commands(page, ".venv/bin/tox"):
        for names in values_of(words, "-e"):
            assert set(names.split(",")) <= known


@pytest.mark.parametrize("page", pages_with("shell"), ids=str)
def test_sandbox_takes_its_commands(page: Page):
    known: dict[str, Any] = typer.main.get_command(sandbox_app).commands  # type: ignore[attr-defined]
    for name, *words in commands(page, *SANDBOX):
        if name != "--help":
            assert known[name].make_context(name, words)
