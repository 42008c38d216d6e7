"""How sides are compared."""

import json

import pytest

from benchmarks.findings import OURS, PEERS, SECONDS, Case, Findings, Quantity, as_json

RATE = Quantity("rate", more_is_better=True)
CASE = Case("topic", "case", 10)


def findings(quantity: Quantity, ours: list[float], peers: list[float]) -> Findings:
    found = Findings()
    for side, values in ((OURS, ours), (PEERS, peers)):
        for value in values:
            found.add(CASE, side, {quantity: value})
    return found


@pytest.mark.parametrize(("quantity", "ratio"), [(SECONDS, 3), (RATE, 1 / 3)])
def test_the_ratio_says_how_many_times_better_ours_is(quantity: Quantity, ratio: float):
    [finding] = findings(quantity, [1, 1], [3, 3])
    assert finding.ratio == pytest.approx(ratio)


def test_runs_are_compared_in_pairs_so_that_a_machine_that_slows_down_hurts_nobody():
    [finding] = findings(SECONDS, [1, 10, 100], [2, 20, 200])
    assert finding.ratio == 2


def test_the_runs_that_only_one_side_made_are_in_its_median_and_not_in_the_ratio():
    [finding] = findings(SECONDS, [1, 5, 5], [4])
    assert (finding.median(OURS), finding.ratio) == (5, 4)


def test_without_work_on_our_side_there_is_no_ratio():
    [finding] = findings(SECONDS, [0], [4])
    assert finding.ratio is None


def test_all_values_are_in_the_document():
    document = json.loads(as_json(findings(SECONDS, [1, 2, 6], [8]), size="tiny"))
    assert document["size"] == "tiny"
    [finding] = document["findings"]
    assert (finding["topic"], finding["name"], finding["size"], finding["unit"]) == ("topic", "case", 10, "s")
    assert finding["sides"][OURS] == {"median": 2, "min": 1, "max": 6, "runs": [1, 2, 6]}
    assert finding["ratio"] == 8
