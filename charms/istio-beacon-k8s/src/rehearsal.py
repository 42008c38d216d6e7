"""What the beacon would do in Kubernetes, noted instead of done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

from k8s_charm import ObjectRef, ReconcileResult, Resource, manifest, one_line
from problems import Problem

if TYPE_CHECKING:
    from lightkube import Client

Results: TypeAlias = "Mapping[str, str | Results]"
"""What an action shows: texts, by keys of lowercase letters, digits and dashes."""

# Juju hands all results over as arguments of one program, which may have about 100 kB.
_MOST_LINES = 200
_LONGEST_LINE = 150
# There is a remedy at the end of each.
_MOST_PROBLEMS = 50
_LONGEST_PROBLEM = 600


class Change(NamedTuple):
    """One object that would be written."""

    action: str
    """`create`, `change` or `delete`."""
    ref: ObjectRef


@dataclass
class Rehearsal:
    """Gathers what would be done."""

    changes: list[Change] = field(default_factory=list[Change])
    doors: list[str] = field(default_factory=list[str])
    """Who would be let in where, and who shut out, in words."""
    is_complete: bool = True
    """Whether all that had to be known for it is known."""

    def note(self, result: ReconcileResult) -> None:
        """Take in what a reconcile would have written."""
        found = {"create": result.created, "change": result.updated, "delete": result.deleted}
        self.changes += (Change(action, ref) for action, refs in found.items() for ref in refs)
        self.is_complete &= not result.failed

    def client(self, client: "Client") -> "Client":
        """A client that reads with the given one, and notes here what it would write."""
        return cast("Client", _NotingClient(client, self.changes))


class _NotingClient:
    """As much of a lightkube client as labels are written with."""

    def __init__(self, client: "Client", changes: list[Change]):
        self.get = client.get
        self._changes = changes

    def create(self, obj: Resource) -> None:
        metadata = manifest(obj)["metadata"]
        self._note("create", type(obj), metadata["name"], metadata["namespace"])

    def patch(self, res: type, name: str, _: object, *, namespace: str | None = None) -> None:
        self._note("change", res, name, namespace)

    def delete(self, res: type, name: str, *, namespace: str | None = None) -> None:
        self._note("delete", res, name, namespace)

    def _note(self, action: str, kind: type, name: str, namespace: str | None) -> None:
        ref = ObjectRef(kind.__name__, namespace, name)
        # An object that would be created and then changed would be created.
        if all(change.ref != ref for change in self._changes):
            self._changes.append(Change(action, ref))


def as_text(rehearsal: Rehearsal, problems: Sequence[Problem]) -> Results:
    """The rehearsal for people."""
    changes = [f"{change.action}  {change.ref}" for change in rehearsal.changes]
    told = [f"{problem.status.name}: {problem.message}" for problem in problems]
    sections = {
        "changes": _cut(changes or ["none"]),
        "doors": _cut(rehearsal.doors),
        "problems": _cut(told, most=_MOST_PROBLEMS, longest=_LONGEST_PROBLEM),
    }
    return {title: "\n".join(lines) for title, lines in sections.items() if lines}


def as_data(rehearsal: Rehearsal, problems: Sequence[Problem]) -> Results:
    """The rehearsal for programs, for which a list has its places as keys."""
    changes: list[Results] = [
        {
            "action": change.action,
            "kind": change.ref.kind,
            "namespace": change.ref.namespace or "",
            "name": change.ref.name,
        }
        for change in rehearsal.changes
    ]
    told: list[Results] = [
        {"status": problem.status.name, "message": one_line(problem.message, longest=_LONGEST_PROBLEM)}
        for problem in problems[:_MOST_PROBLEMS]
    ]
    lists = {"changes": changes[:_MOST_LINES], "doors": _cut(rehearsal.doors), "problems": told}
    return {title: _numbered(items) for title, items in lists.items() if items}


def summary(rehearsal: Rehearsal) -> str:
    """How much there would be to do."""
    actions = [change.action for change in rehearsal.changes]
    counts = ", ".join(f"{actions.count(action)} to {action}" for action in ("create", "change", "delete"))
    return counts if rehearsal.is_complete else f"{counts}, as far as can be told: see problems"


def _cut(lines: Sequence[str], *, most: int = _MOST_LINES, longest: int = _LONGEST_LINE) -> list[str]:
    shown = [one_line(line, longest=longest) for line in lines[:most]]
    if len(lines) > most:
        shown.append(f"… and {len(lines) - most} more")
    return shown


def _numbered(items: Sequence["str | Results"]) -> Results:
    digits = len(str(len(items)))
    return {f"{number:0{digits}}": item for number, item in enumerate(items, 1)}
