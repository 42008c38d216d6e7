"""The contents of the demo's page, without their layout."""

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from istio_policies import ANYBODY

from ._layout import Arrow
from .flows import flows_of_policy

if TYPE_CHECKING:
    from .matrix import Cell
    from .mesh import PolicyState, State

Verdict: TypeAlias = Literal["denied", "unguarded", "open", "wrong"]
"""No request was allowed; some were, outside the mesh; some were; some answers were unexpected."""

_HUES = (215, 275, 35, 185, 320)
"""Colours of models; green and red are for answers."""
_LONGEST_LABEL = 21
"""In characters; more do not fit into a box."""


@dataclass(frozen=True)
class Allowance:
    """The requests that a policy allows one application."""

    source: str
    """An application, as `model/application`, or any."""
    requests: str
    """In words."""


@dataclass(frozen=True)
class ShownPolicy:
    """An AuthorizationPolicy."""

    name: str
    """With its namespace before it."""
    allowances: tuple[Allowance, ...]
    targets: frozenset[str]
    """Its targets, as the cells name them."""
    text: str
    """The policy itself, as YAML."""


@dataclass(frozen=True)
class ShownRow:
    """Requests with the same answers at each of the targets, on each of the ports."""

    targets: tuple[str, ...]
    ports: tuple[int, ...]
    allowed: tuple[str, ...]
    denied: tuple[str, ...]
    wrong: frozenset[str]
    """Those of them that are allowed without a relation, or denied despite one."""

    @property
    def places(self) -> int:
        """Return the number of places that each request was sent to."""
        return len(self.targets) * len(self.ports)


@dataclass(frozen=True)
class ShownApplication:
    """An application that sent or received requests."""

    number: int
    model: str
    name: str
    hue: int
    """The colour of its model."""
    outside: bool
    """True if it is outside the mesh."""

    @property
    def label(self) -> str:
        """Return its name, as short as its box."""
        return _shortened(self.name)

    @property
    def model_label(self) -> str:
        """Return its model's name, as short as its box."""
        return _shortened(self.model)

    def __str__(self) -> str:
        return f"{self.model}/{self.name}" if self.model else self.name


@dataclass(frozen=True)
class ShownFlow:
    """All requests of one application to another, or to itself."""

    number: int
    source: ShownApplication
    target: ShownApplication
    rows: tuple[ShownRow, ...]
    policies: tuple[tuple[ShownPolicy, tuple[str, ...]], ...]
    """Each policy that allows the source to reach the target, and the requests that it allows."""

    @property
    def arrow(self) -> Arrow:
        """Return its two ends."""
        return str(self.source), str(self.target)

    @property
    def verdict(self) -> Verdict:
        """Return the kind of its answers."""
        if any(row.wrong for row in self.rows):
            return "wrong"
        if not self.allowed:
            return "denied"
        return "unguarded" if self.target.outside else "open"

    @property
    def allowed(self) -> int:
        """Count its requests with this answer."""
        return sum(len(row.allowed) * row.places for row in self.rows)

    @property
    def denied(self) -> int:
        """Count its requests with this answer."""
        return sum(len(row.denied) * row.places for row in self.rows)


def policies_to_show(state: "State") -> list[ShownPolicy]:
    """Return the policies in Kubernetes at the mesh's last read, and the requests that each allows."""
    return [_policy_to_show(policy, state) for policy in sorted(state.policies, key=_name_of)]


def _policy_to_show(policy: "PolicyState", state: "State") -> ShownPolicy:
    import yaml

    metadata = {"name": policy.name, "namespace": policy.namespace}
    plain = {"metadata": metadata, "spec": policy.spec}
    allowances = dict.fromkeys(Allowance(flow.source, flow.requests) for flow in flows_of_policy(plain))
    return ShownPolicy(
        _name_of(policy), tuple(allowances), frozenset(_targets(policy, state)), yaml.safe_dump(plain)
    )


def _name_of(policy: "PolicyState") -> str:
    return f"{policy.namespace}/{policy.name}"


def _targets(policy: "PolicyState", state: "State") -> Iterator[str]:
    refs: list[dict[str, str]] = policy.spec.get("targetRefs") or []
    for ref in refs:
        if ref["kind"] == "Service":
            yield f"Service {policy.namespace}/{ref['name']}"
    if selector := policy.spec.get("selector"):
        labels: Mapping[str, str] = selector.get("matchLabels") or {}
        for pod in state.pods:
            if pod.namespace == policy.namespace and labels.items() <= pod.labels.items():
                yield f"pod {pod.namespace}/{pod.name}"


def shown_flows(
    cells: "Iterable[Cell]", policies: Sequence[ShownPolicy], outside: Collection[str]
) -> Iterator[ShownFlow]:
    """Return the requests between each two applications, in the order of their names."""
    sent: defaultdict[Arrow, list[Cell]] = defaultdict(list)
    for cell in cells:
        sent[cell.request.source, _application_of(cell.request.target)].append(cell)
    applications = _applications(set(itertools.chain.from_iterable(sent)), outside)
    for number, (source, target) in enumerate(sorted(sent), 1):
        between = sent[source, target]
        yield ShownFlow(
            number,
            applications[source],
            applications[target],
            tuple(_rows(between)),
            tuple(_behind(policies, source, {cell.request.target for cell in between})),
        )


def _applications(names: Collection[str], outside: Collection[str]) -> dict[str, ShownApplication]:
    parts = {name: name.rpartition("/") for name in sorted(names)}
    models = sorted({model for model, _, _ in parts.values()})
    return {
        name: ShownApplication(number, model, app, _HUES[models.index(model) % len(_HUES)], name in outside)
        for number, (name, (model, _, app)) in enumerate(parts.items(), 1)
    }


def _application_of(target: str) -> str:
    kind, _, name = target.partition(" ")
    return name.rpartition("-")[0] if kind == "pod" else name


def _shortened(name: str) -> str:
    if len(name) <= _LONGEST_LABEL:
        return name
    half = (_LONGEST_LABEL - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def _rows(cells: "Iterable[Cell]") -> Iterator[ShownRow]:
    places: defaultdict[tuple[str, int], list[Cell]] = defaultdict(list)
    for cell in sorted(cells):
        places[cell.request.target, cell.request.port].append(cell)
    targets: defaultdict[ShownRow, list[str]] = defaultdict(list)
    for (target, port), group in places.items():
        targets[_row(port, group)].append(target)
    ports: defaultdict[ShownRow, list[int]] = defaultdict(list)
    for row, names in targets.items():
        ports[replace(row, targets=tuple(names), ports=())].extend(row.ports)
    for row, numbers in ports.items():
        yield replace(row, ports=tuple(sorted(numbers)))


def _row(port: int, cells: "Collection[Cell]") -> ShownRow:
    return ShownRow(
        targets=(),
        ports=(port,),
        allowed=tuple(_in_words(cell) for cell in cells if cell.allowed),
        denied=tuple(_in_words(cell) for cell in cells if not cell.allowed),
        wrong=frozenset(_in_words(cell) for cell in cells if not cell.is_right),
    )


def _in_words(cell: "Cell") -> str:
    return f"{cell.request.method} {cell.request.path}"


def _behind(
    policies: Iterable[ShownPolicy], source: str, targets: Collection[str]
) -> Iterator[tuple[ShownPolicy, tuple[str, ...]]]:
    for policy in policies:
        requests = tuple(each.requests for each in policy.allowances if each.source in (source, ANYBODY))
        if requests and not policy.targets.isdisjoint(targets):
            yield policy, requests
