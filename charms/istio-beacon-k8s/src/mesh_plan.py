"""Changes that the beacon would make in Kubernetes, as text and as data."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from beacon_config import PolicyMode
from k8s_charm import Change
from mesh_inspection import Results, numbered
from policy_report import LOGGED
from problems import Problem, in_order
from relation_data import one_line

# Juju passes all results as arguments of one program, which are limited to about 100 kB.
_MOST_LINES = 200
_LONGEST_LINE = 150
# Each ends with a remedy.
_MOST_PROBLEMS = 50
_LONGEST_PROBLEM = 600


@dataclass(frozen=True)
class Plan:
    """The planned changes, and the problems."""

    changes: Sequence[Change]
    """The objects that it would write."""
    access_changes: Sequence[str]
    """The requests that would be allowed, and no longer allowed, in words."""
    open_to_all: Sequence[str]
    """The Services and pods in the mesh that would be open, because no policy would be on them."""
    problems: Sequence[Problem]
    """The problems to show."""
    is_complete: bool
    """True if the plan is complete: all live objects are known."""


def results(
    plan: Plan, others: Iterable[Problem], mode: PolicyMode, form: str | None
) -> "dict[str, str | Results]":
    """Return the results of the `plan` action.

    Args:
        plan: the planned changes.
        others: problems that are not in the plan.
        mode: the mode of policies that is planned for.
        form: `json` for programs; for people otherwise.
    """
    whole = replace(plan, problems=in_order([*others, *plan.problems]))
    warning = {"warning": f"policies are {LOGGED}"} if mode is PolicyMode.audit else {}
    shown = _as_data(whole) if form == "json" else _as_text(whole)
    return {"policy-mode": mode.value, "summary": _summary(whole), **warning, **shown}


def _as_text(plan: Plan) -> Results:
    """Return a plan for people."""
    changes = list(map(str, plan.changes))
    shown = [f"{problem.status.name}: {problem.message}" for problem in plan.problems]
    sections = {
        "changes": _cut(changes or ["none"]),
        "access-changes": _cut(plan.access_changes),
        "open-to-all": _cut(plan.open_to_all),
        "problems": _cut(shown, most=_MOST_PROBLEMS, longest=_LONGEST_PROBLEM),
    }
    return {title: "\n".join(lines) for title, lines in sections.items() if lines}


def _as_data(plan: Plan) -> Results:
    """Return a plan for programs; the items of a list have their numbers as keys."""
    changes: list[Results] = [
        {
            "action": change.action,
            "kind": change.ref.kind,
            "namespace": change.ref.namespace or "",
            "name": change.ref.name,
        }
        for change in plan.changes
    ]
    shown: list[Results] = [
        {"status": problem.status.name, "message": one_line(str(problem.message), longest=_LONGEST_PROBLEM)}
        for problem in plan.problems[:_MOST_PROBLEMS]
    ]
    lists = {
        "changes": changes[:_MOST_LINES],
        "access-changes": _cut(plan.access_changes),
        "open-to-all": _cut(plan.open_to_all),
        "problems": shown,
    }
    return {title: numbered(items) for title, items in lists.items() if items}


def _summary(plan: Plan) -> str:
    """Return the number of changes."""
    actions = [change.action for change in plan.changes]
    counts = ", ".join(f"{actions.count(action)} to {action}" for action in ("create", "change", "delete"))
    return counts if plan.is_complete else f"{counts}, incomplete: see problems"


def _cut(lines: Sequence[str], *, most: int = _MOST_LINES, longest: int = _LONGEST_LINE) -> list[str]:
    shown = [one_line(line, longest=longest) for line in lines[:most]]
    if len(lines) > most:
        shown.append(f"… and {len(lines) - most} more")
    return shown
