"""What the actions answer, in the form in which Juju takes it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import ops

from k8s_charm import kubernetes_client, kubernetes_errors, kubernetes_problem

from ._cluster import UnreadableClusterError, read_cluster, read_policy
from ._explain import explain
from ._export import export_policy
from ._graph import graphviz, mermaid
from ._listing import Policies, Row, chosen, concerns, list_policies, read_policies, why_none
from ._question import Question, UnclearQuestionError, question
from ._table import table
from ._view import View
from ._words import plain

if TYPE_CHECKING:
    from lightkube import Client

Results: TypeAlias = "Mapping[str, str | Results]"
"""What Juju shows: texts, by keys of lowercase letters, digits and dashes."""

Item = TypeVar("Item")

# Juju gets all results as arguments of one program, which may have about 100 kB.
_MOST_BYTES = 90_000
_HEADINGS = ("SOURCE", "TARGET", "REQUESTS", "CONSUMER", "STATE", "POLICY")


@dataclass(frozen=True)
class Asked:
    """An action that was asked for, and what it takes to answer it."""

    params: Mapping[str, Any]
    view: View
    client: "Client"

    def text(self, name: str) -> str | None:
        """A parameter as text; None if it was not given."""
        value = self.params.get(name)
        return None if value in (None, "") else str(value)

    def number(self, name: str) -> int | None:
        """A parameter as a number; None if it was not given."""
        text = self.text(name)
        try:
            return None if text is None else int(text)
        except ValueError:
            raise UnclearQuestionError(f"{name}={text!r} is not a number") from None

    def choice(self, name: str, *known: str) -> str:
        """A parameter that has one of some values, the first of which it has by itself."""
        value = self.text(name) or known[0]
        if value not in known:
            raise UnclearQuestionError(f"{name}={value!r} is not one of {', '.join(known)}")
        return value


def give(
    answer: Callable[[Asked], Results],
    event: ops.ActionEvent,
    charm: ops.CharmBase,
    look: "Callable[[Client], View]",
) -> None:
    """Answer an action; what is in the way is told as its failure."""
    try:
        client = kubernetes_client(namespace=charm.model.name, field_manager=charm.app.name)
        event.set_results(dict(answer(Asked(event.params, look(client), client))))
    except UnclearQuestionError as error:
        event.fail(str(error))
    except UnreadableClusterError as error:
        event.fail(kubernetes_problem(error.failure, app=charm.app.name))
    except kubernetes_errors() as error:
        event.fail(kubernetes_problem(error, app=charm.app.name))


def listing(asked: Asked) -> Results:
    """Who may do what, by which relation, and whether the mesh sees to it."""
    form = asked.choice("format", "table", "json")
    rows, hint = _rows(asked, read_policies(asked.client, asked.view))
    told = {"summary": _summary(rows), **hint}
    if form == "json":
        return _fit(rows, lambda some: {"policies": _numbered([_row_data(row) for row in some]), **told})
    return _fit(rows, lambda some: {"policies": _table(some, asked.view.owner.model), **told})


def explanation(asked: Asked) -> Results:
    """What becomes of a request, and why."""
    form = asked.choice("format", "table", "json")
    asking = _question(asked)
    cluster = read_cluster(
        asked.client, source_namespace=asking.source.model, target_namespace=asking.target.model
    )
    remarks = read_policies(asked.client, asked.view).remarks
    found = explain(
        asking, cluster, asked.view, {f"{ref.namespace}/{ref.name}": why for ref, why in remarks.items()}
    )
    steps = [{"place": step.place, "outcome": step.outcome} for step in found.steps]
    policies = [str(policy) for policy in found.policies]
    results: Results = {
        "question": str(found.question),
        "verdict": found.verdict,
        "answer": found.answer,
        "audit": found.audit or "",
        "nearest": found.nearest,
        "remedy": found.remedy,
    }
    if form == "json":
        several: Results = {
            "policies": _numbered(policies),
            "relations": _numbered(found.relations),
            "way": _numbered(steps),
            "notes": _numbered(found.notes),
        }
    else:
        several = {
            "policies": "\n".join(policies),
            "relations": "\n".join(found.relations),
            "way": "\n".join(f"{each['place']}: {each['outcome']}" for each in steps),
            "notes": "\n".join(found.notes),
        }
    return {key: value for key, value in {**results, **several}.items() if value}


def exported(asked: Asked) -> Results:
    """The charm's AuthorizationPolicies as YAML."""
    found = read_policies(asked.client, asked.view)
    _, hint = _rows(asked, found)
    source, target = asked.text("source"), asked.text("target")
    wanted = [each for each in found.all if concerns(read_policy(each), source, target)]
    texts = [export_policy(each, asked.view) for each in wanted]
    return _fit(texts, lambda some: {"policies": "---\n".join(some), "count": str(len(texts)), **hint})


def graph(asked: Asked) -> Results:
    """Who may reach whom, as text that becomes a picture."""
    draw = mermaid if asked.choice("format", "mermaid", "graphviz") == "mermaid" else graphviz
    rows, hint = _rows(asked, read_policies(asked.client, asked.view))
    drawn = [row for row in rows if row.state != "refused"]
    return _fit(drawn, lambda some: {"graph": draw(some), **hint})


def _question(asked: Asked) -> Question:
    given = {name: asked.text(name) for name in ("source", "target", "method", "path", "host")}
    if missing := [name for name in ("source", "target") if given[name] is None]:
        raise UnclearQuestionError(f"{missing[0]}=… is missing: it is an application, app or model/app")
    known = {name: text for name, text in given.items() if text is not None}
    return question(**known, port=asked.number("port"), model=asked.view.owner.model)


def _rows(asked: Asked, policies: Policies) -> tuple[list[Row], Results]:
    """The policies that are asked for; and if there are none of these, what there is."""
    every = list_policies(policies, asked.view)
    source, target = asked.text("source"), asked.text("target")
    rows = chosen(every, source, target)
    hint = "" if rows else why_none(every, source, target)
    return rows, {"hint": hint} if hint else {}


def _summary(rows: Sequence[Row]) -> str:
    counts = Counter(row.state for row in rows)
    number = f"{len(rows)} {'policy' if len(rows) == 1 else 'policies'}"
    return ": ".join(
        [number, *filter(None, [", ".join(f"{count} {state}" for state, count in counts.items())])]
    )


def _table(rows: Sequence[Row], model: str) -> str:
    """The rows for people, who know which model they are in."""
    if not rows:
        return "none"
    cells = [
        (
            [_short(each, model) for each in row.sources] or ["nobody"],
            [_short(each, model) for each in row.targets],
            row.requests or ["nothing"],
            row.askers,
            (row.state,),
            (row.policy.removeprefix(f"{model}/"),),
        )
        for row in rows
    ]
    reasons = dict.fromkeys(_reasons(rows))
    return "\n".join([table(_HEADINGS, cells), *([""] if reasons else []), *reasons])


def _reasons(rows: Sequence[Row]) -> Iterator[str]:
    """Why policies are not enforced; without their names where it is so of all that are in a state."""
    of_state: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        of_state[row.state].add(row.reason)
    for row in rows:
        if row.reason:
            which = [] if len(of_state[row.state]) == 1 else [row.policy or ", ".join(row.relations)]
            yield ": ".join([*which, row.state, row.reason])


def _short(name: str, model: str) -> str:
    return name.removesuffix(plain(name)) + plain(name).removeprefix(f"{model}/")


def _row_data(row: Row) -> Results:
    return {
        "source": ", ".join(row.sources),
        "target": ", ".join(row.targets),
        "requests": "; ".join(row.requests),
        "consumer": ", ".join(row.consumers),
        "relation": ", ".join(row.relations),
        "policy": row.policy,
        "state": row.state,
        "reason": row.reason,
    }


def _numbered(items: "Sequence[str | Results]") -> Results:
    """A list, which Juju does not have: keys that sort as the list does."""
    digits = len(str(len(items)))
    return {f"{number:0{digits}}": item for number, item in enumerate(items, 1)}


def _fit(items: Sequence[Item], render: Callable[[Sequence[Item]], Results]) -> Results:
    """As many of the items as Juju takes; and how many are left out, if any are."""
    shown = len(items)
    results = render(items)
    while (size := _size(results)) > _MOST_BYTES and shown:
        shown = min(shown - 1, shown * _MOST_BYTES // size)
        omitted = f"{len(items) - shown} of {len(items)}: ask for less, with source=… or target=…"
        results = {**render(items[:shown]), "omitted": omitted}
    return results


def _size(results: Results) -> int:
    return sum(
        len(key) + (len(value.encode()) if isinstance(value, str) else _size(value) + len(value) * len(key))
        for key, value in results.items()
    )
