"""From declared policies and relations to MeshPolicies."""

import json
import logging

import ops
import pytest
from ops import testing

from charmlibs.interfaces.service_mesh import (
    AppPolicy,
    CMRData,
    Endpoint,
    MeshPolicy,
    Method,
    PolicyTargetType,
    UnitPolicy,
    build_mesh_policies,
    get_data_from_cmr_relation,
)

META = {
    "name": "web",
    "provides": {
        "data": {"interface": "data"},
        "metrics": {"interface": "prometheus_scrape"},
        "provide-cmr-mesh": {"interface": "cross_model_mesh"},
    },
    "peers": {"peers": {"interface": "web_peers"}},
}
GET = [Endpoint(ports=[80], methods=[Method.get])]
DATA = AppPolicy(relation="data", endpoints=GET)


def build(*relations: testing.RelationBase, policies: list[AppPolicy | UnitPolicy]) -> list[MeshPolicy]:
    """Build the policies of the model `shop` from the cross-model data received."""
    state = testing.State(relations=relations, model=testing.Model("shop"))
    with testing.Context(ops.CharmBase, META)(testing.CharmEvents().start(), state) as manager:
        relations_by_name = manager.charm.model.relations
        return build_mesh_policies(
            relations_by_name,
            "web",
            "shop",
            policies,
            get_data_from_cmr_relation(relations_by_name["provide-cmr-mesh"]),
        )


def cmr(app: str, **data: object) -> testing.Relation:
    return testing.Relation(
        "provide-cmr-mesh", remote_app_name=app, remote_app_data={"cmr_data": json.dumps(data)}
    )


def test_each_related_application_is_allowed_once():
    policies = build(
        testing.Relation("data", remote_app_name="shop", remote_units_data={0: {}, 1: {}, 2: {}}),
        testing.Relation("data", remote_app_name="blog"),
        policies=[DATA],
    )
    assert sorted(policy.source_app_name for policy in policies) == ["blog", "shop"]
    assert all(
        policy
        == MeshPolicy(
            source_namespace="shop",
            source_app_name=policy.source_app_name,
            target_namespace="shop",
            target_app_name="web",
            endpoints=GET,
        )
        for policy in policies
    )


def test_twice_related_application_has_one_policy():
    twice = [testing.Relation("data", remote_app_name="shop", id=number) for number in (1, 2)]
    assert len(build(*twice, policies=[DATA])) == 1


def test_each_policy_of_relation_counts():
    shop = testing.Relation("data", remote_app_name="shop")
    policies = build(shop, policies=[DATA, UnitPolicy(relation="data", ports=[9100])])
    assert [policy.target_type for policy in policies] == [PolicyTargetType.app, PolicyTargetType.unit]


def test_service_of_policy_is_target_service():
    policy = AppPolicy(relation="data", endpoints=GET, service="web-api")
    [built] = build(testing.Relation("data", remote_app_name="shop"), policies=[policy])
    assert (built.target_service, built.target_app_name) == ("web-api", "web")


def test_empty_service_of_policy_is_none():
    policy = AppPolicy(relation="data", endpoints=GET, service="")
    [built] = build(testing.Relation("data", remote_app_name="shop"), policies=[policy])
    assert built.target_service is None


@pytest.mark.parametrize(("ports", "endpoints"), [([9100], [Endpoint(ports=[9100])]), (None, []), ([], [])])
def test_unit_policy_names_ports_or_leaves_all_open(ports: list[int] | None, endpoints: list[Endpoint]):
    scraper = testing.Relation("metrics", remote_app_name="prometheus")
    [built] = build(scraper, policies=[UnitPolicy(relation="metrics", ports=ports)])
    assert built.endpoints == endpoints


def test_peers_are_one_application():
    peers = testing.PeerRelation("peers", peers_data={1: {}, 2: {}})
    [built] = build(peers, policies=[UnitPolicy(relation="peers")])
    assert (built.source_app_name, built.target_app_name) == ("web", "web")


def test_policy_without_relations_builds_nothing():
    assert build(policies=[DATA]) == []


def test_cross_model_application_has_its_own_names():
    [built] = build(
        testing.Relation("data", remote_app_name="remote-1"),
        cmr("remote-1", app_name="prometheus", juju_model_name="cos"),
        policies=[DATA],
    )
    assert (built.source_app_name, built.source_namespace) == ("prometheus", "cos")
    assert built.target_namespace == "shop"


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"cmr_data": ""},
        {"cmr_data": "{"},
        {"cmr_data": "[]"},
        {"cmr_data": '{"app_name": "prometheus"}'},
        {"cmr_data": '{"app_name": 1, "juju_model_name": "cos"}'},
        {"cmr_data": '{"app_name": "*", "juju_model_name": "cos"}'},
        {"cmr_data": "[" * 100_000},
    ],
)
def test_without_readable_cross_model_data_local_name_counts(data: dict[str, str]):
    [built] = build(
        testing.Relation("data", remote_app_name="remote-1"),
        testing.Relation("provide-cmr-mesh", remote_app_name="remote-1", remote_app_data=data),
        policies=[DATA],
    )
    assert (built.source_app_name, built.source_namespace) == ("remote-1", "shop")


def test_malformed_cross_model_data_is_logged(
    caplog: pytest.LogCaptureFixture,
):
    with caplog.at_level(logging.WARNING):
        build(cmr("remote-1", app_name="x" * 5_000 + "*", juju_model_name="cos"), policies=[])
    assert "remote-1" in caplog.text
    assert "xxxx" not in caplog.text


def test_one_malformed_application_does_not_hide_another():
    built = build(
        testing.Relation("data", remote_app_name="good"),
        cmr("bad", app_name=""),
        cmr("good", app_name="prometheus", juju_model_name="cos"),
        policies=[DATA],
    )
    assert [policy.source_app_name for policy in built] == ["prometheus"]


def test_relation_without_application_is_skipped():
    class Nobody:
        app = None

    class Someone:
        app = type("Application", (), {"name": "shop"})()

    relations = {"data": [Nobody(), Someone()]}
    built = build_mesh_policies(relations, "web", "shop", [DATA])  # type: ignore[arg-type]
    assert [policy.source_app_name for policy in built] == ["shop"]
    assert get_data_from_cmr_relation([Nobody()]) == {}  # type: ignore[list-item]


def test_cross_model_data_can_be_given_by_hand():
    class Remote:
        app = type("Application", (), {"name": "remote-1"})()

    data = {"remote-1": CMRData(app_name="prometheus", juju_model_name="cos")}
    [built] = build_mesh_policies({"data": [Remote()]}, "web", "shop", [DATA], data)  # type: ignore[list-item]
    assert built.source_namespace == "cos"
