"""What was measured."""

import json
import statistics
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

OURS, PEERS = "ours", "peers"


@dataclass(frozen=True)
class Quantity:
    """What is measured."""

    name: str
    unit: str = ""
    more_is_better: bool = False


SECONDS = Quantity("time", "s")
CPU = Quantity("CPU time", "s")
MEMORY = Quantity("peak memory", "MB")
REQUESTS = Quantity("requests")
WRITES = Quantity("of them writes")


@dataclass(frozen=True)
class Case:
    """In which situation."""

    topic: str
    name: str
    size: int | None = None
    """How many there are of what the topic is about."""
    api: str = ""
    """The Kubernetes API that was asked."""


class Findings:
    """All values of all quantities, in the order in which the cases came."""

    def __init__(self) -> None:
        self._values: dict[tuple[Case, Quantity], dict[str, list[float]]] = {}

    def add(self, case: Case, side: str, values: Mapping[Quantity, float]) -> None:
        """Add what one run gave."""
        for quantity, value in values.items():
            self._values.setdefault((case, quantity), {}).setdefault(side, []).append(value)

    def __iter__(self) -> "Iterator[Finding]":
        for (case, quantity), values in self._values.items():
            yield Finding(case, quantity, {side: tuple(each) for side, each in values.items()})

    def of(self, topic: str) -> "list[Finding]":
        """The findings of one topic."""
        return [finding for finding in self if finding.case.topic == topic]


@dataclass(frozen=True)
class Finding:
    """The values of one quantity in one case."""

    case: Case
    quantity: Quantity
    values: Mapping[str, tuple[float, ...]]
    """Side to the value of each run; the runs of the sides took turns."""

    def median(self, side: str) -> float | None:
        """The median of a side, if the side was measured."""
        values = self.values.get(side)
        return statistics.median(values) if values else None

    @property
    def ratio(self) -> float | None:
        """How many times better ours is than the peers: the median over the pairs of runs that took turns."""
        ours, peers = self.values.get(OURS, ()), self.values.get(PEERS, ())
        pairs = list(zip(ours, peers, strict=False))
        if self.quantity.more_is_better:
            pairs = [(theirs, our) for our, theirs in pairs]
        ratios = [theirs / our for our, theirs in pairs if our]
        return statistics.median(ratios) if ratios else None

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        sides = {
            side: {"median": statistics.median(each), "min": min(each), "max": max(each), "runs": each}
            for side, each in self.values.items()
        }
        return {**asdict(self.case), "quantity": self.quantity.name, "unit": self.quantity.unit} | {
            "sides": sides,
            "ratio": self.ratio,
        }


def as_json(findings: Iterable[Finding], **about: object) -> str:
    """A document of all findings, with something said about the run."""
    return json.dumps({**about, "findings": [finding.plain() for finding in findings]}, indent=1)
