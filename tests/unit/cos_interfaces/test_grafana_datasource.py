import json

from ops import testing

from cos_interfaces import grafana_datasource
from cos_interfaces.grafana_datasource import GrafanaSource

TEMPO = GrafanaSource(type="tempo", url="http://tempo:3200", extra_fields={"tracesToLogsV2": {}})


def relation(**kwargs) -> testing.Relation:
    return testing.Relation("grafana-source", remote_app_name="there", **kwargs)


def test_datasource_and_address_of_each_unit_are_published(act):
    link = relation()
    sent = act(lambda charm: grafana_datasource.publish(charm, TEMPO), link).relation(link)
    data = json.loads(sent.local_app_data["grafana_source_data"])
    assert (data["type"], data["application"]) == ("tempo", "ours")
    assert data["extra_fields"] == {"tracesToLogsV2": {}}
    assert sent.local_unit_data["grafana_source_host"] == "http://tempo:3200"


def test_standby_unit_publishes_its_address_only(act):
    outcome = act(lambda charm: grafana_datasource.publish(charm, TEMPO), relation(), leader=False)
    assert outcome.written == ["grafana_source_host"]


def test_grafana_reads_the_datasource(act):
    link = relation()
    sent = act(lambda charm: grafana_datasource.publish(charm, TEMPO), link).relation(link)
    seen = relation(
        remote_app_data=dict(sent.local_app_data),
        remote_units_data={0: dict(sent.local_unit_data), 1: {}, 2: {"grafana_source_host": "nowhere"}},
    )
    outcome = act(grafana_datasource.sources, seen)
    assert outcome.result == {"there/0": TEMPO}
    assert any("there/2" in line for line in outcome.log)


def test_datasource_without_type_is_ignored_and_named(act):
    outcome = act(grafana_datasource.sources, relation(remote_app_data={"grafana_source_data": "{}"}))
    assert outcome.result == {}
    assert any("there" in line for line in outcome.log)


def test_datasource_reads_what_grafana_calls_it(act):
    link = relation(remote_units_data={0: {}})
    sent = act(lambda charm: grafana_datasource.answer(charm, "g-1"), link).relation(link).local_app_data
    answered = relation(remote_app_data=dict(sent))
    assert act(grafana_datasource.datasource_uids, answered, relation()).result == {
        "g-1": {"there/0": "juju_there_0"}
    }
