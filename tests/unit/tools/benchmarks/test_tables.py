"""The tables of a run on a page."""

import pytest

from tools.benchmarks import policies, telemetry
from tools.benchmarks.findings import OURS, PEERS, SECONDS, WRITES, Case, Document, Findings
from tools.benchmarks.tables import fill, table

ABOUT = {
    "began": "2026-01-02T03:04:05Z",
    "minutes": 9.5,
    "size": "full",
    "hook tool, ms": 5.0,
    "machine": {
        "processors": 2,
        "architecture": "x86_64",
        "system": "Linux",
        "python": "3.12.1",
        "load when it began": 0.25,
    },
    "commit": "0123456789abcdef",
    "versions": {"ours": {"ops": "3.0"}},
}
CASE = Case(policies.TOPIC, policies.IDLE, 1000, "stand-in +0 ms")


@pytest.fixture
def document() -> Document:
    findings = Findings()
    findings.add(CASE, OURS, {SECONDS: 0.5, WRITES: 0})
    findings.add(CASE, PEERS, {SECONDS: 6, WRITES: 1000})
    scrape = Case(telemetry.TOPIC, "scrape")
    findings.add(scrape, OURS, {telemetry.RATE: 20})
    findings.add(scrape, telemetry.DIRECT, {telemetry.RATE: 40})
    return Document(ABOUT, findings)


def test_row_has_both_sides_and_their_ratio(document: Document):
    *_, row = table("policies", document).splitlines()
    assert row.startswith("| stand-in +0 ms · nothing to do | 1,000 | 0.50 / 6 (**12**) |")


def test_side_that_was_not_measured_is_dash(document: Document):
    *_, row = table("telemetry", document).splitlines()
    assert "| 20 / - / 40 |" in row


def test_where_one_side_did_nothing_there_is_no_ratio(document: Document):
    *_, row = table("policy-requests", document).splitlines()
    assert row.endswith("| 0 / 1,000 |")


def test_the_run_is_described(document: Document):
    text = table("run", document)
    assert all(part in text for part in ("2026-01-02", "0123456789ab |", "2 processors", "0.25", "ops 3.0"))


def test_each_goal_has_a_row(document: Document):
    text = table("goals", document)
    assert "| nothing to do, 1,000 policies, +0 ms: 10 times faster | 12.0 times | yes |" in text
    assert "|  | not measured |" in text


def test_page_gets_its_tables_and_keeps_its_words(document: Document):
    page = (
        "# Page\n\n<!-- table: goals -->\nold\n<!-- end -->\n\nwords\n\n<!-- table: run -->\n<!-- end -->\n"
    )
    filled = fill(page, document)
    assert "old" not in filled
    assert filled.index("12.0 times") < filled.index("\nwords\n") < filled.index("2 processors")
    assert fill(filled, document) == filled


def test_place_for_table_that_there_is_not_is_error(document: Document):
    with pytest.raises(KeyError):
        fill("<!-- table: unknown -->\n<!-- end -->", document)
