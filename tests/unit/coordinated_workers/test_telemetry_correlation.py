import json
import logging

import ops
import pytest
from ops import testing

from coordinated_workers.telemetry_correlation import TelemetryCorrelation

LOKI = {"type": "loki", "uid": "l", "grafana_uid": "g-1"}


def grafana(uid: str | None = "g-1") -> testing.Relation:
    sent = {"grafana_uid": uid} if uid else {}
    return testing.Relation("grafana-source", remote_app_name="grafana", remote_app_data=sent)


def exchange(*datasources: object, app: str = "loki", **kwargs) -> testing.Relation:
    sent = {"datasources": json.dumps(datasources)}
    return testing.Relation("receive-datasource", remote_app_name=app, remote_app_data=sent, **kwargs)


def find(*relations: testing.Relation, type_: str = "loki", narrowed: bool = False) -> str | None:
    """Return the uid of the found datasource."""
    found: list[str | None] = []

    class Tempo(ops.CharmBase):
        def __init__(self, framework: ops.Framework):
            super().__init__(framework)
            framework.observe(self.on.update_status, self._on_update_status)

        def _on_update_status(self, _: ops.EventBase) -> None:
            related = self.model.relations
            correlation = TelemetryCorrelation(
                "tempo", related["grafana-source"], related["receive-datasource"]
            )
            endpoint = related["logging"] if narrowed else None
            datasource = correlation.find_correlated_datasource(type_, "traces-to-logs", endpoint)
            found.append(datasource and datasource.uid)

    endpoints = ("grafana-source", "receive-datasource", "logging")
    meta = {"name": "tempo", "requires": {name: {"interface": name} for name in endpoints}}
    context = testing.Context(Tempo, meta=meta)
    context.run(context.on.update_status(), testing.State(relations=relations))
    return found[0]


def test_datasource_in_the_same_grafana_is_found():
    elsewhere = {**LOKI, "uid": "x", "grafana_uid": "g-2"}
    assert find(grafana(), exchange(elsewhere, LOKI)) == "l"


def test_of_several_the_one_that_was_related_first_is_taken():
    second = exchange({**LOKI, "uid": "second"}, app="b", id=9)
    first = exchange({**LOKI, "uid": "first"}, app="a", id=3)
    assert find(grafana(), second, first) == "first"


def test_only_related_applications_may_be_requested():
    logging_relation = testing.Relation("logging", remote_app_name="b")
    both = exchange({**LOKI, "uid": "a"}, app="a", id=3), exchange({**LOKI, "uid": "b"}, app="b", id=9)
    assert find(grafana(), *both, logging_relation, narrowed=True) == "b"


def test_unreadable_datasources_are_ignored(caplog: pytest.LogCaptureFixture):
    garbled = testing.Relation(
        "receive-datasource", remote_app_name="odd", remote_app_data={"datasources": "not json"}
    )
    assert find(grafana(), garbled, exchange({"type": "loki"}, app="half"), exchange(LOKI)) == "l"
    assert "odd" in caplog.text
    assert "half" in caplog.text


@pytest.mark.parametrize(
    ("relations", "narrowed", "missing"),
    [
        ([exchange(LOKI)], False, "grafana_datasource)"),
        ([grafana(None), exchange(LOKI)], False, "grafana_datasource)"),
        ([grafana()], False, "grafana_datasource_exchange"),
        ([grafana(), exchange(LOKI)], True, "the other required relation"),
        ([grafana(), exchange({**LOKI, "type": "tempo"})], False, "of type loki"),
        ([grafana("g-2"), exchange(LOKI)], False, "is in the same Grafana"),
    ],
)
def test_missing_link_is_logged_in_one_line(caplog: pytest.LogCaptureFixture, relations, narrowed, missing):
    caplog.set_level(logging.INFO)
    assert find(*relations, narrowed=narrowed) is None
    (line,) = [one.message for one in caplog.records if "traces-to-logs" in one.message]
    assert missing in line
