"""One side of a relation: a charm that calls one function in its hook."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import ops
import pytest
from ops import testing

Result = TypeVar("Result")
MODEL = testing.Model("m", uuid="7c1b1f4e-0a3c-4c55-9a5e-0d6c6a0f1a11")


@dataclass
class Outcome(Generic[Result]):
    """The outcome of a charm's call."""

    result: Result
    state: testing.State
    written: list[str] = field(default_factory=list[str])
    """The databag keys that were set."""
    log: list[str] = field(default_factory=list[str])

    def relation(self, relation: testing.Relation) -> testing.Relation:
        found = self.state.get_relation(relation.id)
        assert isinstance(found, testing.Relation)
        return found


@pytest.fixture
def act(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    """Runs `call` as the charm of application `ours`, with the given relations."""
    # Which of the two calls the other depends on the version of ops.
    name = "update" if "update" in vars(ops.RelationDataContent) else "__setitem__"
    write = getattr(ops.RelationDataContent, name)

    def run(
        call: Callable[[ops.CharmBase], Result],
        *relations: testing.Relation,
        leader: bool = True,
        secrets: Iterable[testing.Secret] = (),
    ) -> Outcome[Result]:
        results: list[Result] = []
        written: list[str] = []

        def record(databag: ops.RelationDataContent, *values: Any) -> None:
            written.extend(values[0] if name == "update" else [values[0]])
            write(databag, *values)

        class Ours(ops.CharmBase):
            def __init__(self, framework: ops.Framework):
                super().__init__(framework)
                framework.observe(self.on.update_status, self._on_update_status)

            def _on_update_status(self, _: ops.EventBase) -> None:
                results.append(call(self))

        caplog.clear()
        monkeypatch.setattr(ops.RelationDataContent, name, record)
        endpoints = {name: {"interface": "any"} for name in ("none", *(one.endpoint for one in relations))}
        context = testing.Context(Ours, meta={"name": "ours", "requires": endpoints})
        state = context.run(
            context.on.update_status(),
            testing.State(model=MODEL, relations=relations, leader=leader, secrets=secrets),
        )
        log = [
            line.getMessage()
            for line in caplog.records
            if line.name.startswith(("cos_interfaces", "relation_data"))
        ]
        return Outcome(results[0], state, written, log)

    return run
