"""Comparison of the sides."""

import json
from typing import Any

import pytest

from tools.benchmarks.findings import OURS, PEERS, SECONDS, Case, Document, Findings, Quantity

RATE = Quantity("rate", more_is_better=True)
CASE = Case("topic", "case", 10)


def findings(quantity: Quantity, ours: list[float], peers: list[float]) -> Findings:
    found = Findings()
    for side, values in ((OURS, ours), (PEERS, peers)):
        for value in values:
            found.add(CASE, side, {quantity: value})
    return found


@pytest.mark.parametrize(("quantity", "ratio"), [(SECONDS, 3), (RATE, 1 / 3)])
def test_ratio_is_how_many_times_better_ours_is(quantity: Quantity, ratio: float):
    [finding] = findings(quantity, [1, 1], [3, 3])
    assert finding.ratio == pytest.approx(ratio)


def test_runs_are_compared_in_pairs():
    [finding] = findings(SECONDS, [1, 10, 100], [2, 20, 200])
    assert finding.ratio == 2


def test_unpaired_runs_count_in_median_only():
    [finding] = findings(SECONDS, [1, 5, 5], [4])
    assert (finding.median(OURS), finding.ratio) == (5, 4)


def test_without_work_on_our_side_there_is_no_ratio():
    [finding] = findings(SECONDS, [0], [4])
    assert finding.ratio is None


def test_all_values_are_in_document():
    document = json.loads(Document({"size": "tiny"}, findings(SECONDS, [1, 2, 6], [8])).to_json())
    assert document["size"] == "tiny"
    [finding] = document["findings"]
    assert finding["case"] == {"topic": "topic", "name": "case", "size": 10, "api": ""}
    assert finding["sides"][OURS] == {"median": 2, "min": 1, "max": 6, "runs": [1, 2, 6]}
    assert finding["ratio"] == 8


def test_document_is_unchanged_by_a_round_trip():
    text = Document({"size": "tiny"}, findings(RATE, [1, 2, 6], [8])).to_json()
    again = Document.from_json(text)
    assert again.to_json() == text
    [finding] = again.findings
    assert finding.ratio == pytest.approx(1 / 8)


@pytest.mark.parametrize(
    "key", [{"quantity": "rate"}, {"name": "case"}, {"size": 10}, {"api": ""}, {"name": "case", "size": 10}]
)
def test_findings_are_found_by_what_they_are_of(key: dict[str, Any]):
    assert len(findings(RATE, [1], [1]).of("topic", **key)) == 1


@pytest.mark.parametrize("key", [{"quantity": "time"}, {"name": "other"}, {"size": 100}, {"api": "+0 ms"}])
def test_findings_of_something_else_are_not_found(key: dict[str, Any]):
    assert not findings(RATE, [1], [1]).of("topic", **key)
