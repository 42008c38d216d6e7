"""Tests fail when a charm gives a tool of Juju an invalid argument."""

from collections.abc import Callable

import ops
import pytest
from ops import testing

from tests.support.juju_tools import LONGEST_ARGUMENT, LONGEST_SECRET, ArgumentError

Call = Callable[[ops.CharmBase], object]


def run(call: Call) -> None:
    class Charm(ops.CharmBase):
        def __init__(self, framework: ops.Framework):
            super().__init__(framework)
            framework.observe(self.on.update_status, self._on_update_status)

        def _on_update_status(self, _: ops.EventBase) -> None:
            call(self)

    context = testing.Context(Charm, meta={"name": "c", "peers": {"peers": {"interface": "p"}}})
    peers = testing.PeerRelation("peers")
    context.run(context.on.update_status(), testing.State(leader=True, relations=[peers]))


def status(charm: ops.CharmBase, text: str) -> None:
    charm.unit.status = ops.ActiveStatus(text)


def databag(charm: ops.CharmBase, text: str) -> None:
    charm.model.relations["peers"][0].data[charm.app]["key"] = text


CALLS: dict[str, Callable[[ops.CharmBase, str], object]] = {
    "status": status,
    "version": lambda charm, text: charm.unit.set_workload_version(text),
    "databag": databag,
    "secret": lambda charm, text: charm.app.add_secret({"key": text}),
    "label of a secret": lambda charm, text: charm.app.add_secret({"key": "x"}, label=text),
    "id of a secret": lambda charm, text: charm.model.get_secret(id=text),
}


@pytest.mark.parametrize("text", ["a\0b", "\ud800"], ids=ascii)
@pytest.mark.parametrize("call", CALLS)
def test_text_that_no_argument_may_have_is_error(call: str, text: str):
    with pytest.raises(ArgumentError):
        run(lambda charm: CALLS[call](charm, text))


@pytest.mark.parametrize("call", ["status", "version", "label of a secret"])
def test_message_that_is_option_or_too_long_is_error(call: str):
    for text in ("--help", "x" * (LONGEST_ARGUMENT + 1)):
        with pytest.raises(ArgumentError):
            run(lambda charm, text=text: CALLS[call](charm, text))


def test_juju_refuses_long_secret():
    def add(charm: ops.CharmBase) -> None:
        with pytest.raises(ops.ModelError):
            charm.app.add_secret({"key": "x" * (LONGEST_SECRET + 1)})

    run(add)


@pytest.mark.parametrize("call", ["status", "databag", "secret"])
def test_any_other_text_is_taken(call: str):
    run(lambda charm: CALLS[call](charm, "ümlaut \u202e \U0001f0a1 -x"))
