import json

from ops import testing

from cos_interfaces import prometheus_remote_write


def backend(app: str, *urls: str) -> testing.Relation:
    sent = {number: {"remote_write": json.dumps({"url": url})} for number, url in enumerate(urls)}
    return testing.Relation("send-remote-write", remote_app_name=app, remote_units_data=sent)


def test_each_unit_of_each_backend_has_its_url_once(act):
    mimir, prometheus = (
        backend("mimir", "http://m/push", "http://m/push"),
        backend("prom", "http://p:9090/write"),
    )
    urls = act(prometheus_remote_write.push_urls, mimir, prometheus).result
    assert urls == ["http://m/push", "http://p:9090/write"]


def test_invalid_unit_is_ignored_and_named(act):
    outcome = act(prometheus_remote_write.push_urls, backend("prom", "http://p/write", "p/write"))
    assert outcome.result == ["http://p/write"]
    assert any("prom/1" in line for line in outcome.log)


def test_what_backend_offers_is_what_its_client_reads(act):
    relation = testing.Relation("receive-remote-write")

    def offer(charm):
        prometheus_remote_write.offer(charm, "http://p/write")

    outcome = act(offer, relation, leader=False)
    sent = outcome.relation(relation).local_unit_data
    assert json.loads(sent["remote_write"]) == {"url": "http://p/write"}
    assert act(offer, outcome.relation(relation), leader=False).written == []
