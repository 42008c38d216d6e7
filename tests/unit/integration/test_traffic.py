import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.deployed import traffic
from tests.support.deployed.traffic import Fetched, Visitor, eventually, pod, service


class Action:
    def __init__(self, results: dict[str, str]):
        self.results = results

    async def wait(self) -> "Action":
        return self


class Unit:
    """Answers to actions as juju's Unit does."""

    def __init__(self, *answers: dict[str, str]):
        self.answers = list(answers)
        self.requested: list[tuple[str, dict[str, Any]]] = []

    async def run_action(self, name: str, **params: Any) -> Action:
        self.requested.append((name, params))
        return Action(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "_SECONDS_BETWEEN", 0)


@pytest.mark.parametrize(
    ("fetched", "allowed"),
    [
        (Fetched(200), True),
        (Fetched(404), True),
        (Fetched(501), True),
        (Fetched(403), False),
        (Fetched(None, error="connection reset"), False),
    ],
)
def test_what_server_answered_itself_was_allowed(fetched, allowed):
    assert fetched.allowed is allowed


def test_request_is_action_of_tester():
    unit = Unit({"code": "200", "body": "red"})
    fetched = asyncio.run(Visitor(unit).fetch("http://kv/", "PUT", "red"))
    assert fetched == Fetched(200, "red")
    assert unit.requested == [("fetch", {"url": "http://kv/", "method": "PUT", "body": "red"})]


def test_request_without_answer_has_error():
    fetched = asyncio.run(Visitor(Unit({"error": "timed out"})).fetch("http://kv/"))
    assert fetched == Fetched(None, error="timed out")


def test_retries_until_allowed():
    unit = Unit({"error": "reset"}, {"code": "403"}, {"code": "200"})
    assert asyncio.run(Visitor(unit).sees("http://kv/", allowed=True)).code == 200
    assert len(unit.requested) == 3


def test_retries_until_denied():
    unit = Unit({"code": "200"}, {"code": "403"})
    assert asyncio.run(Visitor(unit).sees("http://kv/", allowed=False)).code == 403


def test_timeout_shows_the_last_answer():
    async def look() -> Fetched:
        return Fetched(403)

    never: Callable[[Fetched], bool] = lambda fetched: fetched.allowed  # noqa: E731 - has a type so
    with pytest.raises(TimeoutError, match="403"):
        asyncio.run(eventually(look, never, within=0.05))


def test_addresses_are_those_that_juju_makes():
    assert service("kv", "shop", 8080, "/x") == "http://kv.shop.svc.cluster.local:8080/x"
    assert pod("kv/2", "shop", 9100) == "http://kv-2.kv-endpoints.shop.svc.cluster.local:9100/"
