import json

import pytest
from ops import testing

from cos_interfaces import tracing


def backend(receivers: object = None, *, app: str = "tempo", **kwargs) -> testing.Relation:
    sent = {} if receivers is None else {"receivers": json.dumps(receivers)}
    return testing.Relation("tracing", remote_app_name=app, remote_app_data=sent, **kwargs)


def receiver(name: object, url: object, kind: object = "http") -> dict[str, object]:
    return {"protocol": {"name": name, "type": kind}, "url": url}


def test_each_protocol_has_its_url(act):
    relation = backend([receiver("otlp_http", "http://t:4318"), receiver("otlp_grpc", "t:4317", "grpc")])
    assert act(tracing.receivers, relation).result == {"otlp_http": "http://t:4318", "otlp_grpc": "t:4317"}


def test_backend_that_was_related_first_is_the_one(act):
    second = backend([receiver("otlp_http", "http://second:1"), receiver("zipkin", "http://second:2")], id=9)
    first = backend([receiver("otlp_http", "http://first:1")], app="old", id=3)
    assert act(tracing.receivers, second, first).result == {
        "otlp_http": "http://first:1",
        "zipkin": "http://second:2",
    }


@pytest.mark.parametrize(
    "sent",
    [
        "word",
        [receiver("otlp_http", "http://t:0")],
        [receiver("otlp_http", "t:4318")],
        [receiver("otlp_grpc", "t;4317", "grpc")],
        [receiver("../otlp", "http://t:1")],
        [receiver("otlp_http", "http://t:1", "carrier pigeon")],
        [{"url": "http://t:1"}],
    ],
)
def test_invalid_backend_is_ignored_and_named(act, sent):
    outcome = act(tracing.receivers, backend(sent), backend([receiver("zipkin", "http://z:1")], app="other"))
    assert outcome.result == {"zipkin": "http://z:1"}
    assert any("tempo" in line for line in outcome.log)


def test_only_the_leader_requests_protocols(act):
    relation = backend()

    def ask(charm):
        tracing.request(charm, ["otlp_http", "jaeger_grpc", "otlp_http"])

    sent = act(ask, relation).relation(relation).local_app_data
    assert json.loads(sent["receivers"]) == ["jaeger_grpc", "otlp_http"]
    assert act(ask, relation, leader=False).written == []


def test_asking_again_writes_nothing(act):
    relation = backend()
    once = act(lambda charm: tracing.request(charm, ["otlp_http"]), relation)
    assert act(lambda charm: tracing.request(charm, ["otlp_http"]), once.relation(relation)).written == []


def test_requests_and_answers_round_trip(act):
    relation = backend()
    outcome = act(lambda charm: tracing.request(charm, ["otlp_grpc"]), relation)
    sent = outcome.relation(relation).local_app_data
    client = testing.Relation("tracing", remote_app_name="app", remote_app_data=dict(sent))
    assert json.loads(sent["receivers"]) == ["otlp_grpc"]

    offered = act(lambda charm: tracing.offer(charm, {"otlp_grpc": "t:4317"}), client).relation(client)
    assert json.loads(offered.local_app_data["receivers"]) == [receiver("otlp_grpc", "t:4317", "grpc")]
    answer = json.loads(offered.local_app_data["receivers"])
    assert act(tracing.receivers, backend(answer)).result == {"otlp_grpc": "t:4317"}
