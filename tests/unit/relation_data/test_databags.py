"""A databag that Juju does not return does not affect others."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ops
import pytest
from ops import testing

import relation_data
from relation_data import DatabagError
from tests.support.juju_tools import forbid_writing, refuse_databags

ROOT = Path(__file__).parents[3]
META = {"name": "ours", "requires": {"db": {"interface": "any"}}}


class Ours(ops.CharmBase):
    call: Callable[[ops.CharmBase, ops.Relation], Any]

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        framework.observe(self.on.update_status, self._on_update_status)

    def _on_update_status(self, _: ops.EventBase) -> None:
        for relation in self.model.relations["db"]:
            type(self).call(self, relation)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch):
    """Call a function with each relation in a hook."""

    def run(
        call: Callable[[ops.CharmBase, ops.Relation], Any], *relations: testing.Relation
    ) -> testing.State:
        monkeypatch.setattr(Ours, "call", staticmethod(call), raising=False)
        context = testing.Context(Ours, meta=META)
        return context.run(context.on.update_status(), testing.State(relations=relations, leader=True))

    return run


def test_everything_is_read(run):
    found: list[dict[str, str]] = []
    relation = testing.Relation("db", remote_app_data={"url": "here", "more": "there"})
    run(lambda _, relation: found.append(relation_data.read(relation, relation.app)), relation)
    assert found == [{"url": "here", "more": "there"}]


@pytest.mark.parametrize("whose", ["app", "unit"])
def test_a_databag_that_is_refused_is_an_error_of_one_line(run, monkeypatch: pytest.MonkeyPatch, whose: str):
    gone, there = testing.Relation("db"), testing.Relation("db", remote_app_data={"url": "here"})
    refuse_databags(monkeypatch, gone.id)
    found: dict[int, object] = {}

    def read(_: ops.CharmBase, relation: ops.Relation) -> None:
        author = relation.app if whose == "app" else min(relation.units, key=lambda unit: unit.name)
        try:
            found[relation.id] = relation_data.read(relation, author)
        except DatabagError as error:
            found[relation.id] = str(error)

    run(read, gone, there)
    assert found[gone.id] == "cannot read its databag from Juju: permission denied"
    assert isinstance(found[there.id], dict)


def test_an_answer_that_is_no_text_is_such_an_error_too(run, monkeypatch: pytest.MonkeyPatch):
    def answer(*_: object, **__: object) -> dict[str, str]:
        return {"url": b"\xff".decode()}

    monkeypatch.setattr("scenario.mocking._MockModelBackend.relation_get", answer)

    def read(_: ops.CharmBase, relation: ops.Relation) -> None:
        with pytest.raises(DatabagError):
            relation_data.read(relation, relation.app)

    run(read, testing.Relation("db"))


def test_only_what_differs_is_written_and_empty_is_removed(run):
    relation = testing.Relation("db", local_app_data={"url": "old", "gone": "soon", "other": "stays"})
    values = {"url": "new", "gone": ""}
    state = run(lambda charm, relation: relation_data.write(relation, charm.app, values), relation)
    assert state.get_relation(relation.id).local_app_data == {"url": "new", "other": "stays"}


def test_nothing_is_written_where_nothing_differs(run, monkeypatch: pytest.MonkeyPatch):
    forbid_writing(monkeypatch)
    relation = testing.Relation("db", local_app_data={"url": "same"})
    values = {"url": "same", "never": ""}
    run(lambda charm, relation: relation_data.write(relation, charm.app, values), relation)


@pytest.mark.parametrize("tools", [["relation_get"], ["relation_set"]])
def test_what_a_gone_relation_does_not_take_is_logged(
    run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tools: list[str]
):
    gone, there = testing.Relation("db"), testing.Relation("db")
    refuse_databags(monkeypatch, gone.id, tools=tools)
    written: dict[int, bool] = {}

    def write(charm: ops.CharmBase, relation: ops.Relation) -> None:
        written[relation.id] = relation_data.write(relation, charm.app, {"url": "here"})

    state = run(write, gone, there)
    assert written == {gone.id: False, there.id: True}
    assert state.get_relation(there.id).local_app_data == {"url": "here"}
    assert f"db:{gone.id}: databag not written: permission denied" in caplog.messages


def reads_of_databags(module: Path) -> list[int]:
    """The lines in which a module subscripts an attribute `data` or calls `load` or `save` of a relation."""
    lines: list[int] = []
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute):
            if node.value.attr == "data" and "relation" in ast.unparse(node.value.value):
                lines.append(node.lineno)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("relation.load", "relation.save"):
            lines.append(node.lineno)
    return lines


def test_databags_are_read_and_written_in_one_place_only():
    modules = [*(ROOT / "lib").rglob("*.py"), *(ROOT / "charms").glob("*/src/*.py")]
    found = {module for module in modules if reads_of_databags(module)}
    assert found == {ROOT / "lib/relation_data/_databag.py"}
