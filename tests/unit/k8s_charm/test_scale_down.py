"""A unit that is scaled down removes nothing of its application."""

import json

import ops
import pytest
from ops import testing

from charmlibs.interfaces.service_mesh import AppPolicy, Endpoint, ServiceMeshConsumer
from k8s_charm import ScaleDown, planned_units
from tests.support.juju_tools import refuse_tools

META = {
    "name": "web",
    "peers": {"peers": {"interface": "peers"}},
    "provides": {"site": {"interface": "http"}},
    "requires": {"service-mesh": {"interface": "service_mesh"}},
}
POLICIES = [AppPolicy(relation="site", endpoints=[Endpoint(ports=[80])])]


class Web(ops.CharmBase):
    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.departure = ScaleDown(self)
        self.mesh = ServiceMeshConsumer(self, policies=POLICIES, auto_join=False)


@pytest.fixture
def context() -> testing.Context[Web]:
    return testing.Context(Web, META)


@pytest.fixture
def site() -> testing.Relation:
    return testing.Relation("site", remote_app_name="shop")


@pytest.mark.parametrize(
    ("departing", "stay", "is_under_way"), [("web/0", 2, True), ("web/0", 0, False), ("shop/0", 2, False)]
)
def test_departing_unit_is_scaled_down(
    context: testing.Context[Web],
    site: testing.Relation,
    monkeypatch: pytest.MonkeyPatch,
    departing: str,
    stay: int,
    is_under_way: bool,
):
    state = testing.State(leader=True, relations={site}, planned_units=stay)
    after = departed(context, state, site, departing, monkeypatch)
    with context(context.on.relation_broken(after.get_relation(site.id)), after) as manager:
        assert manager.charm.departure.is_under_way is is_under_way


def test_unit_that_is_still_there_at_update_status_stays(
    context: testing.Context[Web], site: testing.Relation, monkeypatch: pytest.MonkeyPatch
):
    going = departed(
        context, testing.State(leader=True, relations={site}, planned_units=2), site, "web/0", monkeypatch
    )
    after = context.run(context.on.update_status(), going)
    with context(context.on.config_changed(), after) as manager:
        assert not manager.charm.departure.is_under_way


def departed(
    context: testing.Context[Web],
    state: testing.State,
    site: testing.Relation,
    departing: str,
    monkeypatch: pytest.MonkeyPatch,
) -> testing.State:
    """The state after an event that ops-scenario can't make: one of the unit's own departure."""
    who = property(lambda event: event.framework.model.get_unit(departing))
    monkeypatch.setattr(ops.RelationDepartedEvent, "departing_unit", who, raising=False)
    return context.run(context.on.relation_departed(site, remote_unit=0), state)


def test_leader_that_leaves_keeps_its_request(
    context: testing.Context[Web], site: testing.Relation, monkeypatch: pytest.MonkeyPatch
):
    mesh = testing.Relation("service-mesh", remote_app_name="beacon")
    state = testing.State(leader=True, relations={site, mesh}, planned_units=1)
    asking = context.run(context.on.relation_created(mesh), state)
    gone = departed(context, asking, site, "web/0", monkeypatch)
    gone = context.run(context.on.relation_broken(gone.get_relation(site.id)), gone)
    requested = gone.get_relation(mesh.id).local_app_data["policies"]
    assert [policy["source_app_name"] for policy in json.loads(requested)] == ["shop"]


@pytest.mark.parametrize("peers", [(), (testing.PeerRelation("peers", peers_data={1: {}, 2: {}}),)])
def test_units_stay_while_juju_does_not_return_their_number(
    context: testing.Context[Web], monkeypatch: pytest.MonkeyPatch, peers: tuple[testing.PeerRelation, ...]
):
    refuse_tools(monkeypatch, "planned_units")
    state = testing.State(relations=peers, planned_units=0)
    with context(context.on.update_status(), state) as manager:
        assert planned_units(manager.charm) == (3 if peers else 1)
    assert any("permission denied" in log.message for log in context.juju_log)
