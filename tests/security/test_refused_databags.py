"""Juju may refuse to read or to write a databag, for example of a removed relation."""

import itertools
import json
from collections.abc import Callable

import pytest

from tests.security.attack import Attack, Seen
from tests.security.harm import harm_of
from tests.security.worlds import BEACON, BORDERS, COORDINATOR, WORKER, World
from tests.support.juju_tools import lose_relations, refuse_databags, refuse_tools


@pytest.mark.parametrize(("world", "endpoint"), BORDERS, ids=str)
def test_no_hook_fails_and_others_keep_theirs(
    world: World,
    endpoint: str,
    attack: Callable[[World, str], Attack],
    monkeypatch: pytest.MonkeyPatch,
):
    attacked = attack(world, endpoint)
    attacked.hook(attacked.valid)
    events = ["relation_changed", *(["relation_broken"] if endpoint != "peers" else []), "update_status"]
    for tools in (["relation_set"], ["relation_get", "relation_set"]):
        refuse_databags(monkeypatch, attacked.mallory.id, tools=tools)
        for event in events:
            seen = attacked.hook(attacked.valid, event)
            assert not list(harm_of(attacked, seen)), (tools, event)


def test_refused_consumer_keeps_its_policies(
    attack: Callable[[World, str], Attack], monkeypatch: pytest.MonkeyPatch
):
    attacked = attack(BEACON, "service-mesh")
    before = attacked.hook(attacked.valid)
    refuse_databags(monkeypatch, attacked.mallory.id)
    after = attacked.hook(attacked.valid, "update_status")
    assert after.policies == before.policies
    assert f"service-mesh:{attacked.mallory.id}" in after.state.unit_status.message
    assert any("permission denied" in line for line in after.logs)


def test_consumer_keeps_policies_when_juju_lost_the_relation(
    attack: Callable[[World, str], Attack], monkeypatch: pytest.MonkeyPatch
):
    attacked = attack(BEACON, "service-mesh")
    before = attacked.hook(attacked.valid)
    lose_relations(monkeypatch, attacked.mallory.id)
    after = attacked.hook(attacked.valid, "update_status")
    assert after.policies == before.policies
    assert f"service-mesh:{attacked.mallory.id}" in after.state.unit_status.message


@pytest.mark.parametrize(
    ("world", "endpoint"),
    [
        (BEACON, "service-mesh"),
        (BEACON, "metrics-endpoint"),
        (COORDINATOR, "demo-cluster"),
        (COORDINATOR, "kv-api"),
        (COORDINATOR, "metrics-endpoint"),
    ],
    ids=str,
)
def test_unnamed_application_keeps_policies(
    world: World, endpoint: str, attack: Callable[[World, str], Attack], monkeypatch: pytest.MonkeyPatch
):
    """Juju shows the relation, and not the application behind it."""
    attacked = attack(world, endpoint)
    before = attacked.hook(attacked.valid)
    attacked.base = before.state
    lose_relations(monkeypatch, attacked.mallory.id, knows_app=False)
    for event in ("update_status", "config_changed"):
        during = attacked.hook(attacked.valid, event)
        attacked.base = during.state
        assert during.policies == before.policies
        assert _requested(during) == _requested(before)


def _requested(seen: Seen) -> list[dict[str, object]]:
    """Return the policies that the charm requests of its beacon, in order of their text."""
    policies: list[dict[str, object]] = []
    for relation in seen.state.get_relations("service-mesh"):
        policies += json.loads(getattr(relation, "local_app_data", {}).get("policies", "[]"))
    return sorted(policies, key=str)


@pytest.mark.parametrize("knows_app", [True, False], ids=["of its own", "of another"])
@pytest.mark.parametrize(("world", "endpoint"), BORDERS, ids=str)
def test_no_hook_fails_when_relation_is_gone_for_juju(
    world: World,
    endpoint: str,
    knows_app: bool,
    attack: Callable[[World, str], Attack],
    monkeypatch: pytest.MonkeyPatch,
):
    attacked = attack(world, endpoint)
    attacked.hook(attacked.valid)
    lose_relations(monkeypatch, attacked.mallory.id, knows_app=knows_app)
    attacked.hook(attacked.valid, "update_status")


@pytest.mark.parametrize("action", ["list-policies", "export-policies", "mesh-graph"])
@pytest.mark.parametrize(("world", "endpoint"), [(BEACON, "service-mesh"), (COORDINATOR, "service-mesh")])
def test_actions_work_without_databag(
    world: World,
    endpoint: str,
    action: str,
    attack: Callable[[World, str], Attack],
    monkeypatch: pytest.MonkeyPatch,
):
    attacked = attack(world, endpoint)
    state = attacked.hook(attacked.valid).state
    refuse_databags(monkeypatch, attacked.mallory.id)
    context = attacked.world.context
    context.run(context.on.action(action), state)
    assert context.action_results


@pytest.mark.parametrize("tools", [["relation_get"], ["relation_get", "relation_set"]])
def test_refused_worker_keeps_its_routes(
    attack: Callable[[World, str], Attack], monkeypatch: pytest.MonkeyPatch, tools: list[str]
):
    attacked = attack(COORDINATOR, "demo-cluster")
    before = attacked.hook(attacked.valid)
    assert "mallory-0.mallory-endpoints" in before.nginx_conf
    attacked.base = before.state
    refuse_databags(monkeypatch, attacked.mallory.id, tools=tools)
    for _ in range(2):
        after = attacked.hook(attacked.valid, "update_status")
        attacked.base = after.state
        assert after.nginx_conf == before.nginx_conf
        assert any("keeping its last data" in line for line in after.logs)


SECRETS = ("secret_get", "secret_info_get", "secret_add", "secret_set", "secret_grant", "secret_remove")


PORTS = ("open_port", "close_port", "opened_ports")


@pytest.mark.parametrize(
    ("world", "tools"),
    [
        *((COORDINATOR, (each,)) for each in SECRETS),
        *itertools.product((COORDINATOR, WORKER), (SECRETS, PORTS)),
        *((world, ("network_get",)) for world in (BEACON, COORDINATOR)),
        *((world, ("planned_units",)) for world in (BEACON, COORDINATOR, WORKER)),
    ],
    ids=str,
)
def test_no_hook_fails_when_juju_refuses_tools(
    world: World,
    tools: tuple[str, ...],
    attack: Callable[[World, str], Attack],
    monkeypatch: pytest.MonkeyPatch,
):
    attacked = attack(world, "service-mesh" if world is BEACON else "demo-cluster")
    attacked.hook(attacked.valid)
    refuse_tools(monkeypatch, *tools)
    for event in ("update_status", "relation_changed"):
        assert not list(harm_of(attacked, attacked.hook(attacked.valid, event)))


@pytest.mark.parametrize("tool", SECRETS)
def test_no_hook_of_authority_fails_without_secrets(
    tool: str, attack: Callable[[World, str], Attack], monkeypatch: pytest.MonkeyPatch
):
    attacked = attack(COORDINATOR, "certificates")
    attacked.hook(attacked.valid)
    refuse_tools(monkeypatch, tool)
    for event in ("leader_elected", "relation_changed", "relation_created"):
        assert not list(harm_of(attacked, attacked.hook(attacked.valid, event)))
    attacked.hook(attacked.valid, "relation_broken")
