"""An invalid file of a charm is named, and the others are sent."""

import json
from pathlib import Path

import ops
import pytest
from ops import testing

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
    "a number that is too large to be a fraction": b"a: !!float " + b":".join([b"1"] * 400),
    "a truth that is none": b"alert: a\nexpr: up\nfor: !!bool x\n",
    "aliases that grow": b"a: &a [x]\n"
    + b"".join(b"a%d: &a%d [%s]\n" % (n, n, b"*a%s," % (b"%d" % (n - 1) if n else b"") * 9) for n in range(9))
    + b"alert: a\nexpr: up\n",
    "a long file": b"alert: a\nexpr: up\n#" + b"x" * 1_000_000,
    "a key of a group that is a number": b"groups:\n- {1: x, name: kv, rules: []}\n",
    "a duration without a unit": b"alert: a\nexpr: up\nfor: 5\n",
    "a duration in words": b"alert: a\nexpr: up\nkeep_firing_for: soon\n",
    "an interval that is a list": b"groups:\n- {name: kv, interval: [1m], rules: []}\n",
    "a label that is a mapping": b"alert: a\nexpr: up\nlabels: {a: {b: c}}\n",
    "an annotation that is a list": b"alert: a\nexpr: up\nannotations: {a: [b]}\n",
}
VALID = {
    "a duration": b"alert: a\nexpr: up\nfor: 1h30m\n",
    "no duration": b"alert: a\nexpr: up\nfor: 0\n",
    "a duration that the charm fills in": b"alert: a\nexpr: up\nfor: '%%wait%%'\n",
    "an unknown field": b"alert: a\nexpr: up\nlater: {a: b}\n",
    "a label that is a number": b"alert: a\nexpr: up\nlabels: {a: 5, b: true}\n",
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


@pytest.mark.parametrize("content", VALID.values(), ids=VALID)
def test_valid_rules_are_sent(act, tmp_path: Path, content: bytes):
    (tmp_path / "a.rules").write_bytes(content)
    outcome = act(lambda charm: read_folders(charm, WatchedApp.of(charm), [tmp_path]))
    assert (len(outcome.result), outcome.log) == (1, [])


def test_groups_of_one_name_are_numbered(act, tmp_path: Path):
    for name in ("a.rules", "b.rules", "kv.rule"):
        (tmp_path / name).write_text(RULE if name == "kv.rule" else GROUPS)
    outcome = act(lambda charm: read_folders(charm, WatchedApp.of(charm), [tmp_path]))
    first, *others = [group["name"] for group in outcome.result]
    assert others == [f"{first}_2", f"{first}_3"]


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("a tab", "ignored invalid file broken.rules: not YAML: line 2"),
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


def test_link_that_leads_nowhere_is_named(act, tmp_path: Path):
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "gone.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "round.json").symlink_to("round.json")
    outcome = act(lambda _: grafana_dashboard.read_folder(tmp_path))
    assert outcome.result == {}
    assert [line.partition(":")[0] for line in outcome.log] == [
        "ignored invalid file gone.json",
        "ignored invalid file round.json",
    ]


def test_folder_that_cannot_be_read_is_named(act, tmp_path: Path):
    assert act(lambda _: grafana_dashboard.read_folder(tmp_path / "none")).log == []
    (tmp_path / "round").symlink_to("round")
    outcome = act(lambda _: grafana_dashboard.read_folder(tmp_path / "round"))
    assert outcome.result == {}
    assert [line.partition(":")[0] for line in outcome.log] == ["ignored invalid file round"]


def test_name_of_file_is_text(act, tmp_path: Path):
    (tmp_path / "a\nb.json").write_text("{}")
    outcome = act(lambda _: grafana_dashboard.read_folder(tmp_path))
    assert outcome.result == {}
    assert [line.isprintable() for line in outcome.log] == [True]


def test_dots_in_names_of_dashboards(act, tmp_path: Path):
    for name in ("kv.reads.json", "kv.writes.json.tmpl"):
        (tmp_path / name).write_text("{}")
    relation = testing.Relation("grafana-dashboard")
    outcome = act(
        lambda charm: grafana_dashboard.publish(charm, grafana_dashboard.read_folder(tmp_path)), relation
    )
    published = json.loads(outcome.relation(relation).local_app_data["dashboards"])
    assert set(published["templates"]) == {"file:kv.reads", "file:kv.writes"}
