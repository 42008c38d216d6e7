"""What comes nearest to letting a refused request in, and what to do about the difference."""

import dataclasses

from charmlibs.interfaces.service_mesh import AppPolicy, Endpoint, MeshPolicy, Method, UnitPolicy
from mesh_inspection import Door, Wish, endpoint_of
from tests.unit.mesh_inspection.making import MODEL, VIEW, allow, ask, cluster, on_pods, pod, service

ITEMS = Endpoint(ports=[80], methods=[Method.get], paths=["/items"])
DOOR = Door(MODEL, "web", AppPolicy(relation="items", endpoints=[ITEMS]))
SCRAPE = Door(MODEL, "web", UnitPolicy(relation="metrics", ports=[9100]))
WITH_DOORS = dataclasses.replace(VIEW, doors=[DOOR, SCRAPE])
CLOSED = allow("ads", to=[{"ports": ["1"]}])
GET_ITEMS = [{"ports": ["80"], "methods": ["GET"], "paths": ["/items"]}]


def wish(source: str = "shop", **more: str) -> Wish:
    return Wish(DOOR.opened_for(MODEL, source), "web", **more)


def test_the_relation_that_is_missing_is_named_with_the_command_that_makes_it():
    found = ask(CLOSED, view=WITH_DOORS, method="GET", path="/items")
    assert found.nearest == "a relation with web:items would let in GET /items on 80"
    assert found.remedy == "if shop has an endpoint for it: juju integrate shop web:items"


def test_the_remedy_opens_the_door():
    opened = WITH_DOORS.as_policy(wish())
    found = ask(CLOSED, opened, view=WITH_DOORS, method="GET", path="/items")
    assert found.verdict == "allowed"
    assert found.relations == ("web:items",)


def test_a_relation_of_another_model_is_an_offer_and_what_says_who_it_is_there():
    model = cluster(CLOSED, pods=(pod("shop", model="n"), pod("web")))
    found = ask(within=model, view=WITH_DOORS, source="n/shop", method="GET", path="/items")
    assert found.remedy.split("; then ") == [
        "if shop has an endpoint for it: juju offer m.web:items,provide-cmr-mesh web",
        "juju consume -m n m.web",
        "juju integrate -m n shop web:items",
        "juju integrate -m n shop:require-cmr-mesh web:provide-cmr-mesh",
    ]


def test_who_is_outside_the_mesh_in_another_model_is_to_be_related_to_the_beacon_there():
    model = cluster(CLOSED, pods=(pod("shop", model="n", in_mesh=False), pod("web")))
    found = ask(within=model, view=WITH_DOORS, source="n/shop", method="GET", path="/items")
    first, *_ = found.remedy.split("; then ")
    command = "juju integrate -m n shop:service-mesh BEACON"
    assert first == f"put n/shop in the mesh: {command}, the beacon of that model"


def test_who_has_not_said_who_it_is_in_another_model_is_to_say_so():
    stranger = allow(
        f"remote-{'0123456789abcdef' * 2}", to=GET_ITEMS, name="its", asked_by=frozenset({"web"})
    )
    model = cluster(stranger, pods=(pod("shop", model="n"), pod("web")))
    for view in (VIEW, WITH_DOORS):
        found = ask(within=model, view=view, source="n/shop", method="GET", path="/items")
        assert found.nearest == (
            "policy m/its lets in an application of another model: GET /items on 80; "
            "but that has not said over cross_model_mesh who it is there"
        )
        assert found.remedy == (
            "if it is n/shop: juju integrate -m n shop:require-cmr-mesh web:provide-cmr-mesh"
        )


def test_who_was_consumed_is_to_say_so_under_the_name_that_it_has_here():
    stranger = allow("kiosk.of-another-model", to=GET_ITEMS, name="its", asked_by=frozenset({"web"}))
    model = cluster(stranger, pods=(pod("shop", model="n"), pod("web")))
    found = ask(within=model, view=WITH_DOORS, source="n/shop", method="GET", path="/items")
    assert found.remedy.split("; then ") == [
        "if it is n/shop: juju offer n.shop:ENDPOINT,require-cmr-mesh kiosk",
        "juju consume n.kiosk",
        "juju integrate web:provide-cmr-mesh kiosk:require-cmr-mesh",
    ]


def test_who_is_of_the_same_model_is_not_it():
    stranger = allow(f"remote-{'0123456789abcdef' * 2}", to=GET_ITEMS, name="its")
    found = ask(stranger, view=WITH_DOORS, method="GET", path="/items")
    assert found.remedy == "if shop has an endpoint for it: juju integrate shop web:items"


def test_units_have_relations_of_their_own():
    found = ask(view=WITH_DOORS, target="web/0", port=9100)
    assert found.remedy == "if shop has an endpoint for it: juju integrate shop web:metrics"


def test_who_asks_for_something_else_than_it_may_is_told_what_it_may():
    found = ask(allow("shop", to=GET_ITEMS, name="mine"), allow("ads"), method="PUT", path="/items")
    assert found.nearest == "policy m/mine lets in m/shop: GET /items on 80; but that is another method"
    assert found.remedy == "ask for what is let in: GET /items on 80"


def test_two_differences_are_both_told():
    found = ask(allow("shop", to=GET_ITEMS), method="PUT", path="/else")
    assert "another method and that is another path" in found.nearest


def test_a_unit_is_asked_though_the_service_is_meant():
    found = ask(allow("shop", to=GET_ITEMS), target="web/0", port=80)
    assert found.remedy == "ask the Service m/web rather than the unit"


def test_a_service_is_asked_though_the_units_are_meant():
    several = cluster(CLOSED, on_pods("web", "shop", to=[{"ports": ["80"]}]))
    found = ask(within=several)
    assert found.remedy == "ask the unit itself (m/web/0) rather than the Service"


def test_a_way_that_is_open_is_nearer_than_a_relation_that_may_not_be_possible():
    several = cluster(CLOSED, on_pods("web", "shop", to=[{"ports": ["80"]}]))
    found = ask(within=several, view=WITH_DOORS, method="GET", path="/items")
    assert found.remedy == "ask the unit itself (m/web/0) rather than the Service"
    found = ask(allow("shop", to=[{"ports": ["9100"]}]), view=WITH_DOORS, target="web/0", port=9100)
    assert found.remedy == "ask the Service m/web rather than the unit"


def test_where_somebody_else_is_let_in_it_is_told_as_whom():
    found = ask(allow("ads", name="theirs", asked_by=frozenset({"web"})))
    assert found.nearest == "policy m/theirs lets in m/ads: anything; but that is somebody else"
    assert found.remedy == "relate it as m/ads is (juju integrate shop web)"


def test_the_endpoint_of_that_relation_is_named_if_it_is_known():
    view = dataclasses.replace(VIEW, wishes=[wish("ads", endpoint="items")])
    found = ask(view.as_policy(view.wishes[0]), view=view, method="GET", path="/items")
    assert found.remedy == "if shop has an endpoint for it: juju integrate shop web:items"


def test_parts_of_one_service_are_no_example_for_others():
    view = dataclasses.replace(VIEW, wishes=[wish("ads", endpoint="cluster")], internal=True)
    found = ask(view.as_policy(view.wishes[0]), view=view, method="GET", path="/items")
    assert "juju integrate" not in found.remedy


def test_who_is_outside_the_mesh_is_told_to_join_first():
    found = ask(CLOSED, view=WITH_DOORS, source="old", method="GET", path="/items")
    assert found.remedy == (
        "put m/old in the mesh: juju integrate old:service-mesh beacon; "
        "then if old has an endpoint for it: juju integrate old web:items"
    )


def test_a_service_without_a_waypoint_is_told_of():
    unbound = cluster(
        allow("shop", to=GET_ITEMS), on_pods("web", "ads"), services=(service("web", behind_waypoint=False),)
    )
    found = ask(within=unbound, method="GET", path="/items")
    assert "the Service has no waypoint" in found.nearest
    assert found.remedy == "put m/web in the mesh: juju integrate web:service-mesh beacon"
    assert any("has no waypoint" in note for note in found.notes)


def test_what_is_asked_for_and_not_written_is_told_with_how_to_have_it_written():
    view = dataclasses.replace(VIEW, wishes=[wish()], unwritten="policies are off: juju config beacon x=y")
    found = ask(CLOSED, view=view, method="GET", path="/items")
    assert found.nearest == "web asks that m/shop be let in: GET /items on 80; but it is not in Kubernetes"
    assert found.remedy == "policies are off: juju config beacon x=y"


def test_what_is_asked_for_and_lacks_though_policies_are_on_is_told_rather_than_the_relation_that_is_there():
    view = dataclasses.replace(WITH_DOORS, wishes=[wish()], look_at="see the plan")
    found = ask(CLOSED, view=view, method="GET", path="/items")
    assert found.nearest == "web asks that m/shop be let in: GET /items on 80; but it is not in Kubernetes"
    assert found.remedy == "not in Kubernetes yet: see the plan"


def test_a_relation_that_is_refused_is_not_told_to_be_made():
    view = dataclasses.replace(WITH_DOORS, wishes=[wish(refused="because: juju config beacon x=y")])
    found = ask(CLOSED, view=view, method="GET", path="/else")
    assert "juju integrate" not in found.remedy


def test_what_is_not_granted_is_told_with_the_reason():
    view = dataclasses.replace(VIEW, wishes=[wish(refused="because: juju config beacon x=y")])
    found = ask(CLOSED, view=view, method="GET", path="/items")
    assert "not granted" in found.nearest
    assert found.remedy == "because: juju config beacon x=y"


def test_what_only_records_is_told_with_how_to_have_it_enforced():
    view = dataclasses.replace(VIEW, enforce="juju config beacon policy-mode=enforce")
    found = ask(allow("shop", dry_run=True), allow("ads"), view=view)
    assert found.remedy == "have the policies enforced (juju config beacon policy-mode=enforce)"


def test_nothing_is_near_where_nothing_is_about_the_target():
    found = ask(allow("shop", namespace="n"), on_pods("web"), target="web/0", port=80)
    assert found.verdict == "allowed"
    refused = ask(target="web/0", port=80)
    assert (refused.verdict, refused.nearest, refused.remedy) == ("refused", "", "")


def test_the_endpoint_of_a_policy_is_the_one_that_would_have_it():
    assert endpoint_of(wish().policy, [DOOR, SCRAPE]) == "items"
    other = wish().policy.model_copy(update={"endpoints": []})
    assert endpoint_of(MeshPolicy.model_validate(other.model_dump()), [DOOR, SCRAPE]) == ""
