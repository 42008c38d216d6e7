import base64
import json
import lzma
from pathlib import Path

import pytest
from cosl import LZMABase64
from ops import testing

from cos_interfaces import grafana_dashboard

OVERVIEW = json.dumps({"title": "Overview", "panels": []})


def grafana(**kwargs) -> testing.Relation:
    return testing.Relation("grafana-dashboard", remote_app_name="grafana", **kwargs)


def publish(dashboards: dict[str, str]):
    return lambda charm: grafana_dashboard.publish(charm, dashboards)


def test_dashboard_is_compressed_with_topology(act):
    relation = grafana()
    sent = act(publish({"overview.json": OVERVIEW}), relation).relation(relation).local_app_data
    (template,) = json.loads(sent["dashboards"])["templates"].items()
    assert template[0] == "file:overview"
    assert template[1]["charm"] == "ours"
    assert template[1]["juju_topology"]["application"] == "ours"
    assert LZMABase64.decompress(template[1]["content"]) == OVERVIEW


def test_unchanged_dashboard_is_not_written_again(act, monkeypatch: pytest.MonkeyPatch):
    relation = grafana()
    once = act(publish({"overview.json": OVERVIEW}), relation)
    monkeypatch.setattr(LZMABase64, "compress", lambda _: pytest.fail("packed again"))
    assert act(publish({"overview.json": OVERVIEW}), once.relation(relation)).written == []


def test_dashboard_that_has_changed_is_written(act):
    relation = grafana()
    once = act(publish({"overview.json": OVERVIEW}), relation)
    twice = act(publish({"overview.json": "{}"}), once.relation(relation))
    (template,) = json.loads(twice.relation(relation).local_app_data["dashboards"])["templates"].values()
    assert LZMABase64.decompress(template["content"]) == "{}"


def test_garbage_in_our_own_databag_is_overwritten(act):
    relation = grafana(local_app_data={"dashboards": "garbage"})
    assert act(publish({"overview.json": OVERVIEW}), relation).written == ["dashboards"]


def test_dashboards_that_are_gone_are_taken_back(act):
    relation = grafana()
    once = act(publish({"overview.json": OVERVIEW}), relation).relation(relation)
    assert act(publish({}), once).relation(relation).local_app_data == {}


def test_only_leader_publishes(act):
    assert act(publish({"overview.json": OVERVIEW}), grafana(), leader=False).written == []


def test_published_dashboards_unpack(act):
    relation = grafana()
    sent = act(publish({"overview.json": OVERVIEW}), relation).relation(relation).local_app_data
    good = grafana(remote_app_data=dict(sent))
    torn = json.dumps({"templates": {"file:torn": {"content": "bm90IHBhY2tlZA=="}}})
    bad = testing.Relation("grafana-dashboard", remote_app_name="torn", remote_app_data={"dashboards": torn})
    outcome = act(grafana_dashboard.dashboards, good, bad)
    assert outcome.result == {"grafana/file:overview": OVERVIEW}
    assert any("file:torn" in line for line in outcome.log)


def test_folder_gives_its_dashboards_and_missing_one_none(tmp_path: Path):
    (tmp_path / "b.json").write_text("{}")
    (tmp_path / "a.json.tmpl").write_text("{{ a }}")
    (tmp_path / "README.md").write_text("not a dashboard")
    assert list(grafana_dashboard.read_folder(tmp_path).items()) == [
        ("a.json.tmpl", "{{ a }}"),
        ("b.json", "{}"),
    ]
    assert grafana_dashboard.read_folder(tmp_path / "nowhere") == {}


def with_dictionary_of(size: int) -> bytes:
    """A packed dashboard whose header asks for so many bytes of memory to unpack it."""
    packed = lzma.compress(b"{}", format=lzma.FORMAT_ALONE)
    return packed[:1] + size.to_bytes(4, "little") + packed[5:]


def test_best_packed_dashboard_unpacks(act):
    packed = lzma.compress(b"{}", preset=9 | lzma.PRESET_EXTREME)
    templates = {"file:best": {"content": base64.b64encode(packed).decode()}}
    relation = grafana(remote_app_data={"dashboards": json.dumps({"templates": templates})})
    assert list(act(grafana_dashboard.dashboards, relation).result.values()) == ["{}"]


@pytest.mark.parametrize(
    "packed",
    [
        lzma.compress(b" " * 30_000_000),
        with_dictionary_of(2**32 - 1),
        lzma.compress(b"{}")[:-5],
        lzma.compress(b"\xff"),
        b"{}",
        b"",
    ],
    ids=["grows", "takes memory", "cut", "no text", "not packed", "empty"],
)
def test_what_cannot_be_unpacked_is_ignored(act, packed: bytes):
    content = base64.b64encode(packed).decode()
    templates = {"file:odd": {"content": content}, "x" * 5000: {"content": content}}
    data = {"dashboards": json.dumps({"templates": templates})}
    relation = grafana(remote_app_data=data)
    outcome = act(grafana_dashboard.dashboards, relation)
    assert outcome.result == {}
    assert any("file:odd" in line for line in outcome.log)
    assert all(len(line) < 300 for line in outcome.log)
