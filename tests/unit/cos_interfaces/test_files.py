"""An invalid file of a charm is named, and the others are sent."""

import json
from pathlib import Path

import ops
import pytest

from cos_interfaces import grafana_dashboard
from cos_interfaces.alert_rules import WatchedApp, read_folders

RULE = "alert: Down\nexpr: up{%%juju_topology%%} < 1\n"
GROUPS = "groups:\n- name: kv\n  rules:\n  - record: kv:sum\n    expr: sum(kv)\n    labels: {a: b}\n"
INVALID = {
    "an empty file": b"",
    "white space": b"\n\n",
    "a comment": b"# nothing here\n",
    "no YAML": b"groups: [",
    "a tab": b"groups:\n\t- name: x\n",
    "no UTF-8": b"alert: \xff\nexpr: up\n",
    "a list": b"- alert: Down\n",
    "a text": b"alert",
    "no groups": b"groups:\n",
    "a group without rules": b"groups:\n- name: kv\n",
    "a group whose rules are nothing": b"groups:\n- name: kv\n  rules:\n",
    "a group without a name": b"groups:\n- rules: []\n",
    "a rule without an expression": b"alert: Down\n",
    "a rule whose expression is a number": b"alert: Down\nexpr: 1\n",
    "a rule without a name": b"expr: up\n",
    "a rule with two names": b"alert: a\nrecord: b\nexpr: up\n",
    "labels that are none": b"alert: a\nexpr: up\nlabels:\n",
    "a date": b"alert: a\nexpr: up\nannotations: {since: 2024-01-01}\n",
    "a date that is none": b"alert: a\nexpr: up\nannotations: {since: 2024-99-01}\n",
    "no number": b"alert: a\nexpr: up\nlabels: {a: .nan}\n",
    "half a character": b'alert: a\nexpr: "\\ud800"\n',
    "half a character in a label": b'alert: a\nexpr: up\nlabels: {a: "\\ud800"}\n',
    "a circle": b"alert: a\nexpr: up\nlabels: &a {a: *a}\n",
    "an object": b"alert: !!python/object:os.system x\nexpr: up\n",
    "deep nesting": b"[" * 10_000,
}


@pytest.mark.parametrize("content", INVALID.values(), ids=INVALID)
def test_invalid_rules_are_named_and_the_others_sent(act, tmp_path: Path, content: bytes):
    (tmp_path / "a.rules").write_text(RULE)
    (tmp_path / "broken.rules").write_bytes(content)
    (tmp_path / "z.yaml").write_text(GROUPS)

    def read(charm: ops.CharmBase) -> list[object]:
        return read_folders(charm, WatchedApp.of(charm), [tmp_path])

    outcome = act(read)
    [line] = outcome.log
    assert line.startswith("ignored invalid file broken.rules: ")
    assert len(line) < 300
    names = [next(iter(group["rules"])).keys() & {"alert", "record"} for group in outcome.result]
    assert names == [{"alert"}, {"record"}]
    json.dumps(outcome.result)


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("a rule without an expression", "ignored invalid file broken.rules: expr: Field required"),
        ("no number", "ignored invalid file broken.rules: Out of range float values are not JSON compliant"),
    ],
)
def test_the_reason_is_named(act, tmp_path: Path, kind: str, line: str):
    (tmp_path / "broken.rules").write_bytes(INVALID[kind])
    outcome = act(lambda charm: read_folders(charm, WatchedApp.of(charm), [tmp_path]))
    assert [each[: len(line)] for each in outcome.log] == [line]


def test_other_files_of_folder_are_not_read(act, tmp_path: Path):
    (tmp_path / "a.rules").write_text(RULE)
    (tmp_path / "README.md").write_bytes(b"\xff")
    outcome = act(lambda charm: read_folders(charm, WatchedApp.of(charm), [tmp_path]))
    assert (len(outcome.result), outcome.log) == (1, [])


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"a": "\xff"}', b"null", b"[" * 10_000])
def test_invalid_dashboard_is_named_and_the_others_sent(act, tmp_path: Path, content: bytes):
    (tmp_path / "a.json").write_text('{"title": "A"}')
    (tmp_path / "broken.json").write_bytes(content)
    (tmp_path / "z.json.tmpl").write_text("{{ template }}")
    outcome = act(lambda _: grafana_dashboard.read_folder(tmp_path))
    assert outcome.result == {"a.json": '{"title": "A"}', "z.json.tmpl": "{{ template }}"}
    [line] = outcome.log
    assert line.startswith("ignored invalid file broken.json: ")


def test_what_is_no_file_is_no_trouble(act, tmp_path: Path):
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "gone.json").symlink_to(tmp_path / "nowhere")
    assert act(lambda _: grafana_dashboard.read_folder(tmp_path)).result == {}
    assert act(lambda _: grafana_dashboard.read_folder(tmp_path / "none")).result == {}
