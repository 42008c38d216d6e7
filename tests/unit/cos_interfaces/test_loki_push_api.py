import json

import pytest
from ops import testing

from cos_interfaces import loki_push_api

URL = "http://loki-0.loki-endpoints.cos.svc.cluster.local:3100/loki/api/v1/push"
RULES = {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": 'rate({a="b"}[5m]) > 1'}]}]}


def loki(units: dict[int, dict[str, str]] | None = None, **kwargs) -> testing.Relation:
    return testing.Relation("logging", remote_app_name="loki", remote_units_data=units or {}, **kwargs)


def endpoint(url: object) -> dict[str, str]:
    return {"endpoint": json.dumps({"url": url})}


def test_each_loki_unit_has_its_push_url(act):
    relation = loki({0: endpoint(URL), 10: endpoint("https://b/push"), 2: endpoint("http://c/push")})
    urls = act(loki_push_api.push_urls, relation).result
    assert list(urls.items()) == [("loki/0", URL), ("loki/2", "http://c/push"), ("loki/10", "https://b/push")]


def test_unpublished_unit_is_skipped(act):
    outcome = act(loki_push_api.push_urls, loki({0: {}, 1: endpoint(URL)}))
    assert outcome.result == {"loki/1": URL}
    assert outcome.log == []


@pytest.mark.parametrize(
    "sent",
    [
        {"endpoint": "not json"},
        {"endpoint": "[]"},
        {"endpoint": "{}"},
        endpoint(7),
        endpoint("loki:3100"),
        endpoint("ftp://loki/push"),
        endpoint("http://"),
        endpoint("http://loki:99999/push"),
        endpoint("http://loki:port/push"),
        endpoint("http://lo ki/push"),
        endpoint("http://loki/push; return 200"),
        endpoint("http://loki/push\nroot /;"),
        endpoint('http://loki/"push'),
        endpoint("http://loki/push{}"),
    ],
)
def test_invalid_unit_is_ignored_and_named(act, sent):
    outcome = act(loki_push_api.push_urls, loki({0: sent, 1: endpoint(URL)}))
    assert outcome.result == {"loki/1": URL}
    assert any("loki/0" in line for line in outcome.log)


def test_leader_publishes_metadata_and_alert_rules(act):
    relation = loki()
    data = act(lambda charm: loki_push_api.publish(charm, RULES), relation).relation(relation).local_app_data
    assert json.loads(data["metadata"])["application"] == "ours"
    assert json.loads(data["alert_rules"]) == RULES


def test_followers_publish_nothing(act):
    relation = loki()
    outcome = act(lambda charm: loki_push_api.publish(charm, RULES), relation, leader=False)
    assert outcome.relation(relation).local_app_data == {}


def test_unchanged_data_is_not_written(act):
    relation = loki()
    once = act(lambda charm: loki_push_api.publish(charm, RULES), relation)
    twice = act(lambda charm: loki_push_api.publish(charm, RULES), once.relation(relation))
    assert (once.written, twice.written) == (["metadata", "alert_rules"], [])


def test_rules_that_are_gone_are_taken_back(act):
    relation = loki(local_app_data={"alert_rules": json.dumps(RULES)})
    assert "alert_rules" not in act(loki_push_api.publish, relation).relation(relation).local_app_data


def test_what_loki_offers_can_be_read_by_requirer(act):
    offered = loki()
    sent = act(lambda charm: loki_push_api.offer(charm, URL), offered).relation(offered).local_unit_data
    assert act(loki_push_api.push_urls, loki({0: dict(sent)})).result == {"loki/0": URL}
