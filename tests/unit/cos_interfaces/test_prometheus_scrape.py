import dataclasses
import json
from collections.abc import Mapping

import ops
import pytest
from ops import testing

from cos_interfaces import prometheus_scrape
from cos_interfaces.prometheus_scrape import ScrapeJob
from tests.support.juju_tools import forbid_writing

RULES = {
    "groups": [{"name": "g", "rules": [{"alert": "A", "expr": "up < 1", "labels": {"juju_model": "m"}}]}]
}
MANY_JOBS = [
    ScrapeJob(targets=("*:15090",), path="/stats/prometheus", name="waypoint"),
    ScrapeJob(targets=("a:1", "b:2"), scheme="https", labels={"juju_unit": "w/0", "juju_application": "w"}),
]


def context(
    jobs: list[ScrapeJob], rules: Mapping[str, object] | None = None
) -> testing.Context[ops.CharmBase]:
    class Scraped(ops.CharmBase):
        def __init__(self, framework: ops.Framework):
            super().__init__(framework)
            for event in self.on.events().values():
                framework.observe(event, self._reconcile)

        def _reconcile(self, _: ops.EventBase) -> None:
            prometheus_scrape.publish(self, jobs, rules, address="here.example")

    return testing.Context(
        Scraped,
        meta={"name": "scraped", "provides": {"metrics-endpoint": {"interface": "prometheus_scrape"}}},
    )


def publish(
    jobs: list[ScrapeJob], rules: Mapping[str, object] | None = None, *, leader: bool = True
) -> testing.RelationBase:
    ctx = context(jobs, rules)
    relation = testing.Relation("metrics-endpoint")
    state = ctx.run(ctx.on.update_status(), testing.State(relations={relation}, leader=leader))
    return state.get_relation(relation.id)


def test_job_has_target_and_scheme():
    (job, _) = json.loads(publish(MANY_JOBS).local_app_data["scrape_jobs"])
    assert job == {
        "job_name": "waypoint",
        "metrics_path": "/stats/prometheus",
        "scheme": "http",
        "static_configs": [{"targets": ["*:15090"]}],
    }


def test_jobs_labels_win_over_those_of_scraper():
    (_, job) = json.loads(publish(MANY_JOBS).local_app_data["scrape_jobs"])
    assert job["scheme"] == "https"
    assert job["static_configs"] == [{"targets": ["a:1", "b:2"]}]
    assert job["relabel_configs"] == [
        {"target_label": "juju_application", "replacement": "w"},
        {"target_label": "juju_unit", "replacement": "w/0"},
    ]


def test_scraper_gets_the_topology():
    metadata = json.loads(publish(MANY_JOBS).local_app_data["scrape_metadata"])
    assert {key: metadata[key] for key in ("application", "unit", "charm_name")} == {
        "application": "scraped",
        "unit": "scraped/0",
        "charm_name": "scraped",
    }
    assert metadata["model"]
    assert metadata["model_uuid"]


def test_alert_rules_are_sent_as_they_are():
    assert json.loads(publish(MANY_JOBS, RULES).local_app_data["alert_rules"]) == RULES


def test_without_alert_rules_there_is_no_key_for_them():
    assert "alert_rules" not in publish(MANY_JOBS).local_app_data


def test_alert_rules_that_are_gone_are_taken_back():
    relation = testing.Relation("metrics-endpoint", local_app_data={"alert_rules": json.dumps(RULES)})
    ctx = context(MANY_JOBS)
    state = ctx.run(ctx.on.update_status(), testing.State(relations={relation}, leader=True))
    assert "alert_rules" not in state.get_relation(relation.id).local_app_data


def test_units_publish_addresses_leader_publishes_jobs():
    relation = publish(MANY_JOBS, leader=False)
    assert isinstance(relation, testing.Relation)
    assert relation.local_unit_data["prometheus_scrape_unit_address"] == "here.example"
    assert relation.local_unit_data["prometheus_scrape_unit_name"] == "scraped/0"
    assert relation.local_app_data == {}


def test_what_is_already_there_is_not_written_again(monkeypatch: pytest.MonkeyPatch):
    ctx = context(MANY_JOBS, RULES)
    before = ctx.run(
        ctx.on.update_status(),
        testing.State(relations={testing.Relation("metrics-endpoint")}, leader=True),
    )
    forbid_writing(monkeypatch)
    ctx.run(ctx.on.update_status(), before)


def test_job_cannot_be_changed_behind_scrapers_back():
    with pytest.raises(dataclasses.FrozenInstanceError):
        MANY_JOBS[0].path = "/elsewhere"  # type: ignore[misc]
