"""Answers of Prometheus and Loki about received rules."""

import json

import pytest
from ops import testing

from cos_interfaces import loki_push_api, prometheus_scrape

BOTH = pytest.mark.parametrize(
    ("module", "endpoint"), [(prometheus_scrape, "metrics-endpoint"), (loki_push_api, "logging")]
)


def answering(endpoint: str, app: str, event: object) -> testing.Relation:
    return testing.Relation(endpoint, remote_app_name=app, remote_app_data={"event": json.dumps(event)})


@BOTH
def test_error_is_returned_by_application_and_logged(act, module, endpoint: str):
    bad = answering(endpoint, "bad", {"valid": False, "errors": "group kv:\nparse error"})
    mute = answering(endpoint, "mute", {"valid": False})
    good = answering(endpoint, "good", {"valid": True, "errors": ""})
    silent = testing.Relation(endpoint, remote_app_name="silent")
    outcome = act(lambda charm: module.rejections(charm), bad, good, mute, silent)
    assert outcome.result == {"bad": "group kv: parse error", "mute": "no reason given"}
    assert "bad rejected alert rules of ours: group kv: parse error" in outcome.log


@BOTH
@pytest.mark.parametrize("event", ["x", [], {"errors": ["a"]}, {"valid": "perhaps"}, None])
def test_answer_that_is_none_is_no_rejection(act, module, endpoint: str, event: object):
    assert act(lambda charm: module.rejections(charm), answering(endpoint, "odd", event)).result == {}


@BOTH
@pytest.mark.parametrize("valid", [None, True, False, "false", 0])
def test_error_counts_whatever_else_is_sent(act, module, endpoint: str, valid: object):
    event = {"errors": "parse error", "valid": valid, "more": {}}
    outcome = act(lambda charm: module.rejections(charm), answering(endpoint, "p", event))
    assert outcome.result == {"p": "parse error"}


@BOTH
def test_a_long_error_is_cut(act, module, endpoint: str):
    outcome = act(lambda charm: module.rejections(charm), answering(endpoint, "p", {"errors": "x" * 10_000}))
    assert len(outcome.result["p"]) == 201
