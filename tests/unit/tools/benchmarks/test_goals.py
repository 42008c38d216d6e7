"""A run's results against each goal."""

import pytest

from tools.benchmarks import coordinators, goals, hook_tools, policies, start_up, telemetry
from tools.benchmarks.findings import (
    CPU,
    MEMORY,
    OURS,
    PEERS,
    REQUESTS,
    SECONDS,
    SERVER_CPU,
    WRITES,
    Case,
    Findings,
    Quantity,
)

IDLE = Case(policies.TOPIC, policies.IDLE, 1000, "kube-apiserver +0 ms")
FIRST = Case(policies.TOPIC, policies.FIRST, 1000, "kube-apiserver +3 ms")
CHANGED = Case(policies.TOPIC, policies.CHANGED, 10, "kube-apiserver +3 ms")
MOST = Case(policies.TOPIC, policies.GONE, 10_000, "kube-apiserver +0 ms")
WHOLE = Case(policies.TOPIC, policies.WHOLE_IDLE, 10, "kube-apiserver +0 ms")
WORKERS = Case(coordinators.TOPIC, "nothing to do", 500, "kube-apiserver +0 ms")
IMPORT = Case(start_up.TOPIC, "import of a charm")
OPS = Case(start_up.TOPIC, start_up.OPS_ALONE)
SCRAPE = Case(telemetry.TOPIC, "scrape")


def goal(text: str, *values: tuple[Case, Quantity, float, float | None]) -> goals.Goal:
    """Return the goal with this text, after each quantity was measured once on each side."""
    findings = Findings()
    for case, quantity, ours, peers in values:
        findings.add(case, OURS, {quantity: ours})
        if peers is not None:
            findings.add(case, PEERS, {quantity: peers})
    [found] = [each for each in goals.reached(findings, processors=2) if text in each.text]
    return found


def calls(charm: str, size: int) -> Case:
    return Case(hook_tools.TOPIC, f"{charm}: {hook_tools.ALL}", size)


def test_nothing_is_claimed_of_what_was_not_measured():
    assert all(not (each.measured or each.met) for each in goals.reached(Findings(), processors=2))


@pytest.mark.parametrize(
    ("text", "case", "quantity", "ours", "peers", "met"),
    [
        ("beacon makes at most 8", IDLE, REQUESTS, 8, 1001, True),
        ("beacon makes at most 8", IDLE, REQUESTS, 9, 1001, False),
        ("beacon makes at most 8", WHOLE, REQUESTS, 9, None, False),
        ("beacon writes nothing", IDLE, WRITES, 0, 1000, True),
        ("beacon writes nothing", WHOLE, WRITES, 1, None, False),
        ("nothing to do, 1,000 policies, +0 ms: 10", IDLE, SECONDS, 1, 10, True),
        ("one policy changed", CHANGED, WRITES, 1, 11, True),
        ("one policy changed", CHANGED, WRITES, 2, 11, False),
        ("200 MB", MOST, MEMORY, 199, None, True),
        ("200 MB", MOST, MEMORY, 200, None, False),
        ("coordinator makes at most 6", WORKERS, REQUESTS, 7, 26, False),
        ("coordinator writes nothing", WORKERS, WRITES, 1, 24, False),
        ("500 workers", WORKERS, SECONDS, 1, 3, True),
        ("500 workers", WORKERS, SECONDS, 1, 2.9, False),
        ("start-up", IMPORT, CPU, 1, 0.9, False),
        ("scrape", SCRAPE, telemetry.RATE, 13, 10, True),
        ("scrape", SCRAPE, telemetry.RATE, 12, 10, False),
    ],
)
def test_goal_is_met_up_to_its_limit(
    text: str, case: Case, quantity: Quantity, ours: float, peers: float | None, met: bool
):
    found = goal(text, (case, quantity, ours, peers))
    assert found.measured
    assert found.met is met


def test_import_of_ops_counts_for_no_side():
    assert goal("start-up", (OPS, CPU, 2, 1), (IMPORT, CPU, 1, 2)).met


def test_missed_speed_shows_the_processors():
    found = goal(
        "first apply, 1,000 policies, +3 ms",
        (FIRST, SECONDS, 3, 9),
        (FIRST, CPU, 2, None),
        (FIRST, SERVER_CPU, 4, None),
    )
    assert not found.met
    assert "6.0 s of CPU time together, on 2 processors 3.0 s at the least" in found.measured
    assert "would be 3.0 times" in found.measured


@pytest.mark.parametrize(
    ("ours", "peers", "met"),
    [
        pytest.param((3, 13, 23), (9, 49, 89), True, id="linear and fewer"),
        pytest.param((3, 13, 33), (9, 49, 89), False, id="more than linear"),
        pytest.param((3, 43, 83), (9, 49, 89), False, id="as many"),
    ],
)
def test_hook_tool_calls_grow_linearly_and_slower(
    ours: tuple[float, ...], peers: tuple[float, ...], met: bool
):
    values = [
        (calls("beacon", size), hook_tools.CALLS, our, theirs)
        for size, our, theirs in zip((0, 10, 20), ours, peers, strict=True)
    ]
    assert goal("beacon: the calls", *values).met is met


@pytest.mark.parametrize(("seconds", "met"), [(1.6, True), (1.61, False)])
def test_idle_hook_is_held_against_charm_that_reads_the_same(seconds: float, met: bool):
    case = Case(policies.TOPIC, policies.WHOLE_IDLE, 1000, "kube-apiserver +0 ms")
    findings = Findings()
    findings.add(case, OURS, {SECONDS: seconds})
    findings.add(case, policies.READER, {SECONDS: 1})
    [found] = [each for each in goals.reached(findings, processors=2) if policies.READER in each.text]
    assert found.met is met
