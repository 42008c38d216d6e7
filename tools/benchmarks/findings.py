"""The results of a measurement."""

import json
import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

OURS, PEERS = "ours", "peers"

Progress: TypeAlias = Callable[[str], None]
"""A function that is called with each thing that is measured next."""


@dataclass(frozen=True)
class Quantity:
    """The kinds of measured values."""

    name: str
    unit: str = ""
    more_is_better: bool = False


SECONDS = Quantity("time", "s")
CPU = Quantity("CPU time", "s")
MEMORY = Quantity("peak memory", "MB")
REQUESTS = Quantity("requests")
WRITES = Quantity("of them writes")
SERVER_CPU = Quantity("Kubernetes' CPU time", "s")


@dataclass(frozen=True)
class Case:
    """The situation."""

    topic: str
    name: str
    size: int | None = None
    """How many there are of what the topic is about."""
    api: str = ""
    """The Kubernetes API that was asked."""


class Findings:
    """All values of all quantities, in the order of the cases."""

    def __init__(self) -> None:
        self._values: dict[tuple[Case, Quantity], dict[str, list[float]]] = {}

    def add(self, case: Case, side: str, values: Mapping[Quantity, float]) -> None:
        """Add the results of one run."""
        for quantity, value in values.items():
            self._values.setdefault((case, quantity), {}).setdefault(side, []).append(value)

    def __iter__(self) -> "Iterator[Finding]":
        for (case, quantity), values in self._values.items():
            yield Finding(case, quantity, {side: tuple(each) for side, each in values.items()})

    def of(
        self,
        topic: str,
        quantity: str | None = None,
        *,
        name: str | None = None,
        size: int | None = None,
        api: str = "",
    ) -> "list[Finding]":
        """The findings of a topic, or those of a quantity, a case, a size, or APIs whose names end so."""
        return [
            finding
            for finding in self
            if finding.case.topic == topic
            and quantity in (None, finding.quantity.name)
            and name in (None, finding.case.name)
            and size in (None, finding.case.size)
            and finding.case.api.endswith(api)
        ]


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
        """Return the ratio of the peers' values to ours: the median over pairs of runs in turn."""
        return self.times(OURS, PEERS) if self.quantity.more_is_better else self.times(PEERS, OURS)

    def times(self, side: str, other: str) -> float | None:
        """Return the ratio of another side's value to a side's: the median over the pairs of runs."""
        pairs = zip(self.values.get(side, ()), self.values.get(other, ()), strict=False)
        ratios = [value / others for value, others in pairs if others]
        return statistics.median(ratios) if ratios else None

    def plain(self) -> dict[str, Any]:
        """Return the findings as JSON."""
        sides = {
            side: {"median": statistics.median(each), "min": min(each), "max": max(each), "runs": each}
            for side, each in self.values.items()
        }
        return {"case": asdict(self.case), "quantity": asdict(self.quantity), "sides": sides} | {
            "ratio": self.ratio
        }


@dataclass(frozen=True)
class Document:
    """All findings of one run."""

    about: Mapping[str, Any]
    """The machine, the versions, and when it was."""
    findings: Findings

    @property
    def processors(self) -> int:
        """The processors of the machine."""
        return self.about["machine"]["processors"]

    def to_json(self) -> str:
        """Return the document as text."""
        return json.dumps({**self.about, "findings": [each.plain() for each in self.findings]}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Document":
        """Parse a document."""
        about: dict[str, Any] = json.loads(text)
        findings = Findings()
        for plain in about.pop("findings"):
            case, quantity = Case(**plain["case"]), Quantity(**plain["quantity"])
            for side, values in plain["sides"].items():
                for value in values["runs"]:
                    findings.add(case, side, {quantity: value})
        return cls(about, findings)
