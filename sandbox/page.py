"""One page that shows who reaches what, and the policy behind it; it needs nothing but a browser."""

import base64
import hashlib
import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from istio_policies import ANYBODY

from ._layout import Arrow, Picture, lay_out
from .flows import flows_of_policy

if TYPE_CHECKING:
    from .matrix import Cell
    from .mesh import PolicyState, State

Verdict: TypeAlias = Literal["refused", "unguarded", "open", "wrong"]
"""Nothing was let through; everybody is, outside the mesh; something was; something went not as asked."""

_TEMPLATES = Path(__file__).parent / "templates"
_SIZES: Mapping[str, Mapping[str, float]] = {
    "wide": {"width": 700, "box_width": 170, "pitch": 86},
    "narrow": {"width": 400, "box_width": 156, "pitch": 66},
}
_HUES = (215, 275, 35, 185, 320)
"""Of models; green and red are for what becomes of requests."""
_LONGEST_LABEL = 21
"""In characters; more do not fit into a box."""


@dataclass(frozen=True)
class Allowance:
    """What a policy lets one application do."""

    source: str
    """An application, as `model/application`, or `anybody`."""
    requests: str
    """In words."""


@dataclass(frozen=True)
class ShownPolicy:
    """An AuthorizationPolicy, to be shown."""

    name: str
    """With its namespace before it."""
    allowances: tuple[Allowance, ...]
    targets: frozenset[str]
    """What it is about, as the cells name their targets."""
    text: str
    """The policy itself, as YAML."""


@dataclass(frozen=True)
class ShownRow:
    """Requests of which the same are let through at each of the targets, on each of the ports."""

    targets: tuple[str, ...]
    ports: tuple[int, ...]
    let_through: tuple[str, ...]
    refused: tuple[str, ...]
    wrong: frozenset[str]
    """Those of them that the relations do not ask for, or that they do ask for and are refused."""

    @property
    def places(self) -> int:
        """To how many places each request went."""
        return len(self.targets) * len(self.ports)


@dataclass(frozen=True)
class ShownApplication:
    """One that was asked, or that asked."""

    number: int
    model: str
    name: str
    hue: int
    """The colour of its model."""
    outside: bool
    """Whether it is outside the mesh."""

    @property
    def label(self) -> str:
        """Its name, as short as its box."""
        return _shortened(self.name)

    @property
    def model_label(self) -> str:
        """Its model's name, as short as its box."""
        return _shortened(self.model)

    def __str__(self) -> str:
        return f"{self.model}/{self.name}" if self.model else self.name


@dataclass(frozen=True)
class ShownFlow:
    """All that one application asked of another, or of itself."""

    number: int
    source: ShownApplication
    target: ShownApplication
    rows: tuple[ShownRow, ...]
    policies: tuple[tuple[ShownPolicy, tuple[str, ...]], ...]
    """Each policy that lets the source reach the target, and what it lets through."""

    @property
    def arrow(self) -> Arrow:
        """From whom to whom."""
        return str(self.source), str(self.target)

    @property
    def verdict(self) -> Verdict:
        """What became of it."""
        if any(row.wrong for row in self.rows):
            return "wrong"
        if not self.let_through:
            return "refused"
        return "unguarded" if self.target.outside else "open"

    @property
    def let_through(self) -> int:
        """How many requests were."""
        return sum(len(row.let_through) * row.places for row in self.rows)

    @property
    def refused(self) -> int:
        """How many requests were."""
        return sum(len(row.refused) * row.places for row in self.rows)


def write(
    page: Path, cells: "Sequence[Cell]", policies: Sequence[ShownPolicy], *, outside: Collection[str] = ()
) -> None:
    """Write the page, and the directories that it is in.

    Args:
        page: the file, which is replaced if there is one.
        cells: what was measured.
        policies: those that were in force then.
        outside: the applications, as `model/application`, that are outside the mesh.
    """
    page.parent.mkdir(parents=True, exist_ok=True)
    text = render(cells, policies, outside=outside, when=datetime.now(timezone.utc))
    page.write_text(text, encoding="utf-8")


def write_for(page: Path, cells: "Sequence[Cell]", state: "State") -> None:
    """Write the page of a mesh as it is now."""
    outside = {f"{pod.account.namespace}/{pod.account.name}" for pod in state.pods if not pod.in_mesh}
    write(page, cells, policies_to_show(state), outside=outside)


def render(
    cells: "Sequence[Cell]", policies: Sequence[ShownPolicy], *, outside: Collection[str] = (), when: datetime
) -> str:
    """Return the page; the arguments are those of `write`, and the time to show."""
    import jinja2
    from markupsafe import Markup

    flows = list(_flows(cells, policies, outside))
    applications = sorted({flow.source for flow in flows} | {flow.target for flow in flows}, key=str)
    shown = set[ShownPolicy]()
    for flow in flows:
        shown.update(policy for policy, _ in flow.policies)
    script, style = (_TEMPLATES.joinpath(f"mesh.{kind}").read_text("utf-8") for kind in ("js", "css"))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("mesh.html.j2").render(
        applications=applications,
        models={application.model: application.hue for application in applications},
        flows=flows,
        verdicts=get_args(Verdict),
        other_policies=[policy for policy in policies if policy not in shown],
        policies=policies,
        pictures={size: _picture(flows, **measures) for size, measures in _SIZES.items()},
        requests=len(cells),
        let_through=sum(cell.let_through for cell in cells),
        wrong=[cell for cell in cells if not cell.is_right],
        when=when,
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        hash_of_script=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def policies_to_show(state: "State") -> list[ShownPolicy]:
    """The policies in Kubernetes, as of the mesh's last look, and what each of them lets through."""
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


def _flows(
    cells: "Iterable[Cell]", policies: Sequence[ShownPolicy], outside: Collection[str]
) -> Iterator[ShownFlow]:
    asked: defaultdict[Arrow, list[Cell]] = defaultdict(list)
    for cell in cells:
        asked[cell.request.source, _application_of(cell.request.target)].append(cell)
    applications = _applications(set(itertools.chain.from_iterable(asked)), outside)
    for number, (source, target) in enumerate(sorted(asked), 1):
        between = asked[source, target]
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
        let_through=tuple(_in_words(cell) for cell in cells if cell.let_through),
        refused=tuple(_in_words(cell) for cell in cells if not cell.let_through),
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


def _picture(flows: Sequence[ShownFlow], **measures: float) -> Picture:
    prominent = ("open", "wrong")
    return lay_out(
        set(itertools.chain.from_iterable(flow.arrow for flow in flows)),
        {flow.arrow for flow in flows if flow.verdict in prominent},
        {flow.arrow for flow in flows if flow.verdict not in prominent},
        **measures,
    )
