"""The stand-ins for hook tools, called as ops calls them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools.packing import hook_tools

WORLD = {
    "leader": True,
    "config": {"colour": "red"},
    "ports": [],
    "relations": [
        {
            "id": 7,
            "endpoint": "database",
            "app": "db",
            "units": ["db/0", "db/1"],
            "data": {"db": {"url": "there"}, "db/0": {"ready": "yes"}},
        }
    ],
}


class Tools:
    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "world").write_text(json.dumps(WORLD))
        (folder / "calls").touch()
        for name in [*hook_tools.TOOLS, "unheard-of"]:
            (folder / name).symlink_to(Path(hook_tools.__file__))

    def run(self, *command: str, text: str = "") -> "subprocess.CompletedProcess[str]":
        environment = {
            "HOOK_WORLD": str(self.folder / "world"),
            "HOOK_CALLS": str(self.folder / "calls"),
            "JUJU_UNIT_NAME": "shop/0",
            "JUJU_MODEL_UUID": "some-uuid",
        }
        program = [sys.executable, "-IS", str(self.folder / command[0]), *command[1:]]
        return subprocess.run(program, env=environment, input=text, capture_output=True, text=True)

    def ask(self, *command: str):
        answer = self.run(*command)
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(tmp_path)


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("config-get --format=json", {"colour": "red"}),
        ("config-get --format=json colour", "red"),
        ("config-get --format=json size", None),
        ("is-leader --format=json", True),
        ("relation-ids database --format=json", ["database:7"]),
        ("relation-ids cache --format=json", []),
        ("relation-list --format=json -r 7", ["db/0", "db/1"]),
        ("relation-list --format=json --app -r database:7", "db"),
        ("relation-get --format=json -r 7 - db/0", {"ready": "yes"}),
        ("relation-get --format=json -r 7 ready db/0", "yes"),
        ("relation-get --format=json -r 7 --app - db", {"url": "there"}),
        ("relation-get --format=json -r 7 --app - shop", {}),
        ("relation-model-get --format=json -r 7", {"uuid": "some-uuid"}),
        ("opened-ports --format=json", []),
    ],
)
def test_a_question_is_answered_out_of_the_world(tools: Tools, command: str, answer: object):
    assert tools.ask(*command.split()) == answer


def test_what_is_written_is_there_afterwards_until_it_is_emptied(tools: Tools):
    write = ("relation-set", "-r", "database:7", "--app", "--file", "-")
    read = ("relation-get", "--format=json", "-r", "7", "--app", "-", "shop")
    tools.run(*write, text=json.dumps({"name": "shop", "colour": "red"}))
    assert tools.ask(*read) == {"name": "shop", "colour": "red"}
    tools.run(*write, text=json.dumps({"name": ""}))
    assert tools.ask(*read) == {"colour": "red"}


def test_a_unit_writes_into_its_own_databag(tools: Tools):
    tools.run("relation-set", "-r", "7", "--file", "-", text='{"address": "here"}')
    assert tools.ask("relation-get", "--format=json", "-r", "7", "-", "shop/0") == {"address": "here"}
    assert tools.ask("relation-get", "--format=json", "-r", "7", "--app", "-", "shop") == {}


def test_ports_open_once_and_close(tools: Tools):
    for _ in range(2):
        tools.run("open-port", "8080/tcp")
    tools.run("open-port", "9090/tcp")
    assert tools.ask("opened-ports", "--format=json") == ["8080/tcp", "9090/tcp"]
    tools.run("close-port", "8080/tcp")
    assert tools.ask("opened-ports", "--format=json") == ["9090/tcp"]


def test_a_relation_that_is_not_there_is_an_error_as_in_juju(tools: Tools):
    answer = tools.run("relation-get", "--format=json", "-r", "8", "-", "db/0")
    assert answer.returncode == 1
    assert "relation not found" in answer.stderr


def test_a_secret_is_not_there(tools: Tools):
    answer = tools.run("secret-get", "secret:x", "--format=json")
    assert answer.returncode == 1
    assert "not found" in answer.stderr


def test_each_call_is_recorded_with_its_arguments(tools: Tools):
    tools.run("status-set", "--application=False", "waiting", "--", "-1 left")
    tools.run("relation-set", "-r", "7", "--file", "-", text="{}")
    calls = [json.loads(line) for line in (tools.folder / "calls").read_text().splitlines()]
    assert calls == [
        {"tool": "status-set", "args": ["--application=False", "waiting", "--", "-1 left"], "text": ""},
        {"tool": "relation-set", "args": ["-r", "7", "--file", "-"], "text": "{}"},
    ]


def test_a_tool_that_is_not_stood_in_for_fails(tools: Tools):
    assert tools.run("unheard-of").returncode != 0
