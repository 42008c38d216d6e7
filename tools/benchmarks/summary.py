"""The results of a run, on one screen."""

from collections.abc import Iterator
from typing import NamedTuple

from . import coordinators, hook_tools, joining, policies, start_up, telemetry
from .findings import CPU, SECONDS, Case, Finding, Findings, Quantity


class _Headline(NamedTuple):
    """The shown part of a topic, for each Kubernetes API and program, with the largest measured size."""

    topic: str
    quantity: Quantity
    case: str | None = None


_HEADLINES = (
    _Headline(joining.TOPIC, joining.ENFORCED),
    _Headline(joining.TOPIC, joining.RESTARTS),
    _Headline(policies.TOPIC, SECONDS, policies.FIRST),
    _Headline(policies.TOPIC, SECONDS, policies.IDLE),
    _Headline(policies.TOPIC, SECONDS, policies.CHANGED),
    _Headline(coordinators.TOPIC, SECONDS),
    *(
        _Headline(hook_tools.TOPIC, hook_tools.CALLS, f"{each}: {hook_tools.ALL}")
        for each in hook_tools.CHARMS
    ),
    _Headline(start_up.TOPIC, CPU, "import of the measured beacon"),
    _Headline(telemetry.TOPIC, telemetry.RATE),
)


def headlines(findings: Findings) -> Iterator[Finding]:
    """Return the most important findings, each with the largest size that was measured on both sides."""
    for headline in _HEADLINES:
        found = findings.of(headline.topic, headline.quantity.name, name=headline.case)
        largest: dict[Case, Finding] = {}
        for finding in found:
            case = finding.case
            without_size = Case(case.topic, case.name, None, case.api)
            known = largest.get(without_size)
            if known is None or _rank(finding) >= _rank(known):
                largest[without_size] = finding
        yield from largest.values()


def _rank(finding: Finding) -> tuple[bool, int]:
    return len(finding.values) > 1, finding.case.size or 0
