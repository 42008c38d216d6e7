"""The goals, and whether a run reached them."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from . import coordinators, hook_tools, joining, policies, start_up, telemetry
from .findings import (
    CPU,
    MEMORY,
    OURS,
    PEERS,
    REQUESTS,
    SECONDS,
    SERVER_CPU,
    WRITES,
    Finding,
    Findings,
    Quantity,
)

_NEAR, _FAR = "+0 ms", "+3 ms"
_MB = 200
_READERS = 1.6


@dataclass(frozen=True)
class Goal:
    """One goal, compared with a run."""

    text: str
    measured: str
    """In words; empty if the run did not measure it."""
    met: bool = False


def reached(findings: Findings, processors: int) -> list[Goal]:
    """Return each goal, and whether a run on a machine with this number of processors meets it."""
    idle = [
        *findings.of(policies.TOPIC, name=policies.IDLE),
        *findings.of(policies.TOPIC, name=policies.WHOLE_IDLE),
    ]
    coordinator = findings.of(coordinators.TOPIC)
    return [
        _at_most("joining the mesh restarts no pod", findings.of(joining.TOPIC), joining.RESTARTS, 0),
        _at_most("an idle hook of a beacon makes at most 8 requests", idle, REQUESTS, 8),
        _at_most("an idle hook of a beacon writes nothing", idle, WRITES, 0),
        *(_policies(findings, policies.IDLE, 10, api, processors) for api in (_NEAR, _FAR)),
        _beside_a_reader(findings),
        _policies(findings, policies.FIRST, 2.5, _NEAR, processors),
        _policies(findings, policies.FIRST, 3.5, _FAR, processors),
        _at_most(
            "one policy changed is one write", findings.of(policies.TOPIC, name=policies.CHANGED), WRITES, 1
        ),
        _memory(findings),
        _at_most("an idle hook of a coordinator makes at most 6 requests", coordinator, REQUESTS, 6),
        _at_most("an idle hook of a coordinator writes nothing", coordinator, WRITES, 0),
        _faster(
            "an idle hook of a coordinator of 500 workers is 3 times faster",
            findings.of(coordinators.TOPIC, SECONDS.name, size=500, api=_NEAR),
            3,
        ),
        _faster("start-up takes less CPU time than the peers'", findings.of(start_up.TOPIC, CPU.name), 1),
        *(_calls(findings, charm) for charm in hook_tools.CHARMS),
        *_telemetry(findings),
    ]


def _ours(findings: Iterable[Finding]) -> list[float]:
    """Return our values of all runs."""
    return list(itertools.chain.from_iterable(each.values.get(OURS, ()) for each in findings))


def _at_most(text: str, findings: Iterable[Finding], quantity: Quantity, limit: int) -> Goal:
    values = _ours(each for each in findings if each.quantity == quantity)
    return Goal(text, f"{max(values):,.0f}", max(values) <= limit) if values else Goal(text, "")


def _faster(text: str, findings: Iterable[Finding], times: float) -> Goal:
    ratios = [
        each.ratio for each in findings if each.ratio is not None and each.case.name != start_up.OPS_ALONE
    ]
    return Goal(text, f"{min(ratios):.1f} times", min(ratios) >= times) if ratios else Goal(text, "")


def _policies(findings: Findings, hook: str, times: float, api: str, processors: int) -> Goal:
    def of(quantity: Quantity) -> list[Finding]:
        return findings.of(policies.TOPIC, quantity.name, name=hook, size=1000, api=api)

    goal = _faster(f"{hook}, 1,000 policies, {api}: {times:g} times faster", of(SECONDS), times)
    if not goal.measured or goal.met:
        return goal
    [wall], [cpu], [server] = of(SECONDS), of(CPU), of(SERVER_CPU)
    work = (cpu.median(OURS) or 0) + (server.median(OURS) or 0)
    least = work / processors
    bound = (wall.median(PEERS) or 0) / least
    return Goal(
        goal.text,
        f"{goal.measured}; the hook and Kubernetes take {work:.1f} s of CPU time together, on {processors}"
        f" processors {least:.1f} s at the least, which would be {bound:.1f} times",
    )


def _beside_a_reader(findings: Findings) -> Goal:
    text = f"istio-beacon-k8s idle, 1,000 policies, {_NEAR}: at most {_READERS:g} times {policies.READER}"
    found = findings.of(policies.TOPIC, SECONDS.name, name=policies.WHOLE_IDLE, size=1000, api=_NEAR)
    ratios = [each.times(OURS, policies.READER) for each in found]
    known = [ratio for ratio in ratios if ratio is not None]
    return Goal(text, f"{max(known):.2f} times", max(known) <= _READERS) if known else Goal(text, "")


def _memory(findings: Findings) -> Goal:
    text = f"a hook with 10,000 policies has less than {_MB} MB"
    values = _ours(findings.of(policies.TOPIC, MEMORY.name, size=10_000))
    return Goal(text, f"{max(values):.0f} MB", max(values) < _MB) if values else Goal(text, "")


def _calls(findings: Findings, charm: str) -> Goal:
    text = f"{charm}: the calls of hook tools grow with the relations, by less than the peers'"
    counted = sorted(
        findings.of(hook_tools.TOPIC, name=f"{charm}: {hook_tools.ALL}"), key=lambda each: each.case.size or 0
    )
    ours, peers = (_slopes(counted, side) for side in (OURS, PEERS))
    if not ours or not peers:
        return Goal(text, "")
    found = f"{ours[-1]:g} for each relation, the peers' {peers[-1]:g}"
    return Goal(text, found, max(ours) == min(ours) < min(peers))


def _slopes(findings: Sequence[Finding], side: str) -> list[float]:
    points = [(each.case.size or 0, each.median(side)) for each in findings]
    known = [(size, calls) for size, calls in points if calls is not None]
    return [(calls - less) / (size - smaller) for (smaller, less), (size, calls) in pairwise(known)]


def _telemetry(findings: Findings) -> list[Goal]:
    found = findings.of(telemetry.TOPIC, telemetry.RATE.name)
    if not found:
        return [Goal("telemetry: 1.3 times as many requests a second", "")]
    return [_faster(f"{each.case.name}: 1.3 times as many requests a second", [each], 1.3) for each in found]
