"""The actions' results, in the form that Juju shows."""

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import ops

from istio_policies import AuthorizationPolicy, target_name
from k8s_charm import (
    OWNER,
    Client,
    Json,
    Resource,
    kubernetes_client,
    kubernetes_errors,
    kubernetes_problem,
    manifest,
    subtree,
)
from relation_data import in_quotes, one_line

from ._cluster import read_cluster, read_policy
from ._control_plane import UnreadableClusterError
from ._explain import explain
from ._list import Policies, Row, concerns, list_policies, matching, read_policies, why_none
from ._query import UnclearQuestionError, read_question, text_of
from ._render import Results, mermaid, numbered, shortened, table
from ._view import View

Item = TypeVar("Item")

# Juju gets all results as arguments of one program, which may have about 100 kB.
_MOST_BYTES = 90_000
_LONGEST_LINE = 1000
_HEADINGS = ("SOURCE", "TARGET", "REQUESTS", "CONSUMER", "STATE", "POLICY")


@dataclass(frozen=True)
class ActionRequest:
    """An action that an operator runs: its parameters, the charm's view, and a client."""

    params: Mapping[str, Any]
    view: View
    client: Client

    def text(self, name: str) -> str | None:
        """Return a parameter as text; None if it was not given."""
        return text_of(self.params, name)

    def choice(self, name: str, *known: str) -> str:
        """Return a parameter that has one of some values, the first of which is the default."""
        value = self.text(name) or known[0]
        if value not in known:
            raise UnclearQuestionError(f"{name}={in_quotes(value)} is not one of {', '.join(known)}")
        return value


def give(event: ops.ActionEvent, charm: ops.CharmBase, view_of: Callable[[Client], View]) -> None:
    """Answer an action, or fail it with the reason that prevents an answer."""
    answers = {
        "list_policies_action": listing,
        "explain_action": explanation,
        "export_policies_action": exported,
        "mesh_graph_action": graph,
    }
    answer = answers[event.handle.kind]
    try:
        client = kubernetes_client(namespace=charm.model.name, field_manager=charm.app.name)
        event.set_results(dict(answer(ActionRequest(event.params, view_of(client), client))))
    except UnclearQuestionError as error:
        event.fail(_line(str(error)))
    except UnreadableClusterError as error:
        event.fail(str(kubernetes_problem(error.failure, app=charm.app.name)))
    except kubernetes_errors() as error:
        event.fail(str(kubernetes_problem(error, app=charm.app.name)))


def listing(request: ActionRequest) -> Results:
    """Return the policies as a table: sources, targets and requests, with relation and enforcement."""
    form = request.choice("format", "table", "json")
    rows, hint = _rows(request, read_policies(request.client, request.view))
    rest = {"summary": _summary(rows), **hint}
    if form == "json":
        return _fit(rows, lambda some: {"policies": numbered([_row_data(row) for row in some]), **rest})
    return _fit(rows, lambda some: {"policies": _table(some, request.view.owner.model), **rest})


def explanation(request: ActionRequest) -> Results:
    """Return the mesh's verdict on a request, and the reasons for it."""
    form = request.choice("format", "table", "json")
    question = read_question(request.params, request.view.owner.model)
    cluster = read_cluster(
        request.client, source_namespace=question.source.model, target_namespace=question.target.model
    )
    remarks = read_policies(request.client, request.view).remarks
    found = explain(
        question, cluster, request.view, {f"{ref.namespace}/{ref.name}": why for ref, why in remarks.items()}
    )
    texts = {
        "question": str(found.question),
        "verdict": found.verdict,
        "answer": found.answer,
        "audit": found.audit or "",
        "closest-match": found.closest_match,
    }
    lists = {
        "suggestion": found.suggestion,
        "policies": [str(policy) for policy in found.policies],
        "relations": found.relations,
        "path": [f"{step.point}: {step.decision}" for step in found.steps],
        "notes": found.notes,
        "assumptions": found.assumptions,
    }
    results: dict[str, str | Results] = {key: _line(text) for key, text in texts.items() if text}
    for key, items in lists.items():
        if items:
            lines = [_line(each) for each in shortened(items, longest=_LONGEST_LINE)]
            results[key] = numbered(lines) if form == "json" else "\n".join(lines)
    if form == "json" and found.steps:
        steps = [{"point": _line(step.point), "decision": _line(step.decision)} for step in found.steps]
        results["path"] = numbered(steps)
    return results


def exported(request: ActionRequest) -> Results:
    """Return the charm's AuthorizationPolicies as YAML."""
    found = read_policies(request.client, request.view)
    _, hint = _rows(request, found)
    source, target = request.text("source"), request.text("target")
    wanted = [each for each in found.all if concerns(read_policy(each), source, target)]
    texts = [_yaml(each, request.view) for each in wanted]
    return _fit(texts, lambda some: {"policies": "---\n".join(some), "count": str(len(texts)), **hint})


def graph(request: ActionRequest) -> Results:
    """Return a graph of the allowed requests, as text for Mermaid."""
    rows, hint = _rows(request, read_policies(request.client, request.view))
    drawn = [row for row in rows if row.state != "rejected"]
    return _fit(drawn, lambda some: {"graph": mermaid(some), **hint})


def _rows(request: ActionRequest, policies: Policies) -> tuple[list[Row], Results]:
    """Return the chosen rows; if there are none, also a hint at the existing ones."""
    every = list_policies(policies, request.view)
    source, target = request.text("source"), request.text("target")
    rows = matching(every, source, target)
    hint = "" if rows else why_none(every, source, target)
    return rows, {"hint": _line(hint)} if hint else {}


def _summary(rows: Sequence[Row]) -> str:
    counts = Counter(row.state for row in rows)
    number = f"{len(rows)} {'policy' if len(rows) == 1 else 'policies'}"
    states = ", ".join(f"{count} {state}" for state, count in counts.items())
    return f"{number}: {states}" if states else number


def _table(rows: Sequence[Row], model: str) -> str:
    """Return the rows as text for people, without the name of the charm's own model."""
    if not rows:
        return "none"
    cells = [
        (
            shortened([_short(each, model) for each in row.sources] or ["none"]),
            shortened([_short(each, model) for each in row.targets]),
            shortened(row.requests or ["none"]),
            shortened(row.origins),
            (row.state,),
            (row.policy.removeprefix(f"{model}/"),),
        )
        for row in rows
    ]
    reasons = dict.fromkeys(_reasons(rows))
    return "\n".join([table(_HEADINGS, cells), *([""] if reasons else []), *reasons])


def _reasons(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the reasons why policies are not enforced; without names if all policies of a state share one."""
    of_state: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        of_state[row.state].add(row.reason)
    for row in rows:
        if row.reason:
            which = [] if len(of_state[row.state]) == 1 else [row.policy or ", ".join(row.relations)]
            yield _line(": ".join([*which, row.state, row.reason]))


def _short(name: str, model: str) -> str:
    return name.removesuffix(target_name(name)) + target_name(name).removeprefix(f"{model}/")


def _row_data(row: Row) -> Results:
    return {
        "source": ", ".join(shortened(row.sources)),
        "target": ", ".join(shortened(row.targets)),
        "requests": "; ".join(shortened(row.requests)),
        "consumer": ", ".join(shortened(row.consumers)),
        "relation": ", ".join(shortened(row.relations)),
        "policy": row.policy,
        "state": row.state,
        "reason": _line(row.reason),
    }


def _yaml(policy: Resource, view: View) -> str:
    """Return a policy of a charm as a YAML document, whether it is in Kubernetes or only desired.

    Fields that Kubernetes adds are removed, and so are the marks by which the charm finds its own policies:
    the charm would delete a policy that an operator applies with them.
    """
    from lightkube import codecs

    found = manifest(policy)
    own: Json = found["metadata"]
    unmarked = {
        "labels": _without(own.get("labels"), view.labels),
        "annotations": _without(own.get("annotations"), (OWNER,)),
    }
    plain = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {
            "name": own["name"],
            "namespace": own["namespace"],
            **{key: rest for key, rest in unmarked.items() if rest},
        },
        "spec": subtree(found, "spec"),
    }
    return codecs.dump_all_yaml([AuthorizationPolicy.from_dict(plain)]) or ""


def _without(given: Json | None, marks: Container[str]) -> Json:
    return {key: value for key, value in (given or {}).items() if key not in marks}


def _line(text: str) -> str:
    """Return a text, maybe of others, as one line without columns that is safe for a terminal."""
    return one_line(" ".join(text.split()), longest=_LONGEST_LINE)


def _fit(items: Sequence[Item], render: Callable[[Sequence[Item]], Results]) -> Results:
    """Render as many of the items as Juju accepts, and the number of omitted ones, if any.

    The longest items are omitted first, so that none displaces the others.
    """
    results = render(items)
    if _size(results) <= _MOST_BYTES:
        return results
    small = [item for item in items if _size(render([item])) <= _MOST_BYTES // 10]
    shown = len(small)
    while True:
        omitted = f"{len(items) - shown} of {len(items)}: narrow the request with source=… or target=…"
        results = {**render(small[:shown]), "omitted": omitted}
        if (size := _size(results)) <= _MOST_BYTES or not shown:
            return results
        shown = min(shown - 1, shown * _MOST_BYTES // size)


def _size(results: Results) -> int:
    return sum(
        len(key) + (len(value.encode()) if isinstance(value, str) else _size(value) + len(value) * len(key))
        for key, value in results.items()
    )
