"""The closest match of a denied request, and the commands that allow it."""

import dataclasses

from charmlibs.interfaces.service_mesh import AppPolicy, Endpoint, MeshPolicy, Method, UnitPolicy
from mesh_inspection import DeclaredPolicy, RequestedPolicy, endpoint_of
from tests.unit.mesh_inspection.builders import MODEL, VIEW, allow, ask, cluster, on_pods, pod, service

ITEMS = Endpoint(ports=[80], methods=[Method.get], paths=["/items"])
DECLARED = DeclaredPolicy(MODEL, "web", AppPolicy(relation="items", endpoints=[ITEMS]))
SCRAPE = DeclaredPolicy(MODEL, "web", UnitPolicy(relation="metrics", ports=[9100]))
WITH_DECLARED = dataclasses.replace(VIEW, declared=[DECLARED, SCRAPE])
CLOSED = allow("ads", to=[{"ports": ["1"]}])
GET_ITEMS = [{"ports": ["80"], "methods": ["GET"], "paths": ["/items"]}]
IF_POSSIBLE = "  # if shop has an endpoint for it"
UNRESOLVED = f"remote-{'0123456789abcdef' * 2}"


def requested(source: str = "shop", **more: str) -> RequestedPolicy:
    return RequestedPolicy(DECLARED.for_source(MODEL, source), "web", **more)


def test_missing_relation():
    found = ask(CLOSED, view=WITH_DECLARED, method="GET", path="/items")
    assert found.closest_match == "a relation with web:items would allow GET /items on 80"
    assert found.suggestion == (f"juju integrate shop web:items{IF_POSSIBLE}",)


def test_suggested_relation_allows_it():
    opened = WITH_DECLARED.as_policy(requested())
    found = ask(CLOSED, opened, view=WITH_DECLARED, method="GET", path="/items")
    assert found.verdict == "allowed"
    assert found.relations == ("web:items",)


def test_waypoint_that_is_not_ready():
    unready = dataclasses.replace(service("web", behind_waypoint=False), unready_waypoint=(MODEL, "w"))
    within = cluster(allow("shop", to=GET_ITEMS), on_pods("web", "ads"), services=(unready,))
    found = ask(within=within, view=WITH_DECLARED, method="GET", path="/items")
    assert found.closest_match.endswith(
        "but the waypoint of the Service, which would enforce it, is not ready"
    )
    assert found.suggestion == ("kubectl describe gateway w -n m",)


def test_missing_relation_across_models():
    model = cluster(CLOSED, pods=(pod("shop", model="n"), pod("web")))
    found = ask(within=model, view=WITH_DECLARED, source="n/shop", method="GET", path="/items")
    assert found.suggestion == (
        f"juju offer m.web:items,provide-cmr-mesh web{IF_POSSIBLE}",
        "juju consume -m n m.web",
        "juju integrate -m n shop web:items",
        "juju integrate -m n shop:require-cmr-mesh web:provide-cmr-mesh",
    )


def test_source_outside_mesh_in_another_model():
    model = cluster(CLOSED, pods=(pod("shop", model="n", in_mesh=False), pod("web")))
    found = ask(within=model, view=WITH_DECLARED, source="n/shop", method="GET", path="/items")
    assert found.suggestion[0] == "juju integrate -m n shop:service-mesh BEACON  # that model's beacon"


def test_unresolved_identity():
    policy = allow(UNRESOLVED, to=GET_ITEMS, name="its", requested_by=frozenset({"web"}))
    model = cluster(policy, pods=(pod("shop", model="n"), pod("web")))
    for view in (VIEW, WITH_DECLARED):
        found = ask(within=model, view=view, source="n/shop", method="GET", path="/items")
        assert found.closest_match == (
            "policy m/its allows an application of another model: GET /items on 80; "
            "but its identity is not known: it has not sent it over cross_model_mesh"
        )
        assert found.suggestion == (
            f"juju integrate -m n shop:require-cmr-mesh web:provide-cmr-mesh  # if {UNRESOLVED} is n/shop",
        )


def test_unresolved_identity_of_consumed_application():
    policy = allow("kiosk.of-another-model", to=GET_ITEMS, name="its", requested_by=frozenset({"web"}))
    model = cluster(policy, pods=(pod("shop", model="n"), pod("web")))
    found = ask(within=model, view=WITH_DECLARED, source="n/shop", method="GET", path="/items")
    assert found.suggestion == (
        "juju offer n.shop:ENDPOINT,require-cmr-mesh kiosk  # if kiosk is n/shop",
        "juju consume n.kiosk",
        "juju integrate web:provide-cmr-mesh kiosk:require-cmr-mesh",
    )


def test_source_of_the_same_model_is_not_unresolved():
    found = ask(allow(UNRESOLVED, to=GET_ITEMS), view=WITH_DECLARED, method="GET", path="/items")
    assert found.suggestion == (f"juju integrate shop web:items{IF_POSSIBLE}",)


def test_relations_of_units():
    found = ask(view=WITH_DECLARED, target="web/0", port=9100)
    assert found.suggestion == (f"juju integrate shop web:metrics{IF_POSSIBLE}",)


def test_another_method():
    found = ask(allow("shop", to=GET_ITEMS, name="mine"), allow("ads"), method="PUT", path="/items")
    assert found.closest_match == (
        "policy m/mine allows m/shop: GET /items on 80; but it allows another method"
    )
    assert found.suggestion == ("allowed requests: GET /items on 80",)


def test_two_differences():
    found = ask(allow("shop", to=GET_ITEMS), method="PUT", path="/else")
    assert "another method and it allows another path" in found.closest_match


def test_unit_rather_than_service():
    found = ask(allow("shop", to=GET_ITEMS), target="web/0", port=80)
    assert found.suggestion == ("send it to the Service m/web, not to the unit",)


def test_service_rather_than_unit():
    several = cluster(CLOSED, on_pods("web", "shop", to=[{"ports": ["80"]}]))
    assert ask(within=several).suggestion == ("send it to the unit (m/web/0), not to the Service",)


def test_open_path_is_closer_than_relation():
    several = cluster(CLOSED, on_pods("web", "shop", to=[{"ports": ["80"]}]))
    found = ask(within=several, view=WITH_DECLARED, method="GET", path="/items")
    assert found.suggestion == ("send it to the unit (m/web/0), not to the Service",)
    found = ask(allow("shop", to=[{"ports": ["9100"]}]), view=WITH_DECLARED, target="web/0", port=9100)
    assert found.suggestion == ("send it to the Service m/web, not to the unit",)


def test_another_source():
    found = ask(allow("ads", name="theirs", requested_by=frozenset({"web"})))
    assert found.closest_match == "policy m/theirs allows m/ads: anything; but it allows another application"
    assert found.suggestion == ("juju integrate shop web  # over the endpoint that m/ads uses",)


def test_other_source_gets_suggestion_for_same_endpoint():
    view = dataclasses.replace(VIEW, requested=[requested("ads", endpoint="items")])
    found = ask(view.as_policy(view.requested[0]), view=view, method="GET", path="/items")
    assert found.suggestion == (f"juju integrate shop web:items{IF_POSSIBLE}",)


def test_policies_inside_service_grant_nothing_to_others():
    view = dataclasses.replace(VIEW, requested=[requested("ads", endpoint="cluster")], internal=True)
    found = ask(view.as_policy(view.requested[0]), view=view, method="GET", path="/items")
    assert found.suggestion == ("no known relation grants this",)


def test_source_outside_mesh_joins_first():
    found = ask(CLOSED, view=WITH_DECLARED, source="old", method="GET", path="/items")
    assert found.suggestion == (
        "juju integrate old:service-mesh beacon",
        "juju integrate old web:items  # if old has an endpoint for it",
    )


def test_service_without_waypoint():
    unbound = cluster(
        allow("shop", to=GET_ITEMS), on_pods("web", "ads"), services=(service("web", behind_waypoint=False),)
    )
    found = ask(within=unbound, method="GET", path="/items")
    assert "the Service has no waypoint" in found.closest_match
    assert found.suggestion == ("juju integrate web:service-mesh beacon",)
    assert any("has no waypoint" in note for note in found.notes)


def test_service_that_needs_no_waypoint_yet():
    """It uses the waypoint once it has a policy: no command is needed for that."""
    unbound = cluster(on_pods("web", "ads"), services=(service("web", behind_waypoint=False),))
    found = ask(within=unbound, view=WITH_DECLARED, method="GET", path="/items")
    assert found.suggestion == (f"juju integrate shop web:items{IF_POSSIBLE}",)


def test_requested_and_policies_are_off():
    view = dataclasses.replace(
        VIEW, requested=[requested()], unwritten="policies are off", write_command="juju config beacon x=y"
    )
    found = ask(CLOSED, view=view, method="GET", path="/items")
    assert found.closest_match == (
        "web requests to allow m/shop: GET /items on 80; but it is not in Kubernetes, policies are off"
    )
    assert found.suggestion == ("juju config beacon x=y",)


def test_requested_and_not_written_though_policies_are_on():
    view = dataclasses.replace(
        WITH_DECLARED, requested=[requested()], details_command="juju run beacon/0 plan"
    )
    found = ask(CLOSED, view=view, method="GET", path="/items")
    assert found.closest_match == (
        "web requests to allow m/shop: GET /items on 80; but it is not in Kubernetes"
    )
    assert found.suggestion == ("juju run beacon/0 plan",)


def test_rejected_relation_is_not_suggested():
    view = dataclasses.replace(WITH_DECLARED, requested=[requested(rejected="because")])
    found = ask(CLOSED, view=view, method="GET", path="/else")
    assert not any("juju integrate" in each for each in found.suggestion)


def test_rejected_with_command_that_accepts_it():
    rejected = requested(rejected="because", command="juju config beacon x=y")
    view = dataclasses.replace(VIEW, requested=[rejected])
    found = ask(CLOSED, view=view, method="GET", path="/items")
    assert "not granted: because" in found.closest_match
    assert found.suggestion == ("juju config beacon x=y",)


def test_audit_mode():
    view = dataclasses.replace(VIEW, enforce_command="juju config beacon policy-mode=enforce")
    found = ask(allow("shop", dry_run=True), allow("ads"), view=view)
    assert found.suggestion == ("juju config beacon policy-mode=enforce",)


def test_nothing_is_close_where_nothing_is_about_target():
    found = ask(allow("shop", namespace="n"), on_pods("web"), target="web/0", port=80)
    assert found.verdict == "allowed"
    denied = ask(target="web/0", port=80)
    assert (denied.verdict, denied.closest_match, denied.suggestion) == ("denied", "", ())


def test_endpoint_of_a_policy():
    assert endpoint_of(requested().policy, [DECLARED, SCRAPE]) == "items"
    other = requested().policy.model_copy(update={"endpoints": []})
    assert endpoint_of(MeshPolicy.model_validate(other.model_dump()), [DECLARED, SCRAPE]) == ""
