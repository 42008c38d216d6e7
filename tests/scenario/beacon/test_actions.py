"""The results of the beacon's actions."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod
from ops import testing

from sandbox.kubernetes import KubernetesServer
from tests.scenario.beacon.beacon_model import MODEL, BeaconModel, databag, policy

CHARMS, DOCS = (Path(__file__).parents[3] / name for name in ("charms", "docs"))
ACTIONS = ["list-policies", "explain", "export-policies", "mesh-graph"]
ASKED: dict[str, dict[str, Any]] = {"explain": {"source": "web", "target": "catalogue"}}
IN_MESH = {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "shop-beacon-waypoint"}
GET_ITEMS = {"ports": [80], "methods": ["GET"], "paths": ["/items"]}
WEB_TO_CATALOGUE = "shop/shop.beacon.catalogue.app.from.shop.web"


@pytest.fixture(scope="module")
def settled(server: KubernetesServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BeaconModel]:
    """A model for all actions here, which none of them changes.

    `web` and `ads` may reach `catalogue`. There is no Service of `orders`, and `thief` requests a policy on
    another application.
    """
    server.access.restore()
    server.store.reset()
    server.controllers.waypoints.start()
    with pytest.MonkeyPatch.context() as environment:
        kubeconfig = server.write_kubeconfig(tmp_path_factory.mktemp("kube") / "kubeconfig")
        environment.setenv("KUBECONFIG", str(kubeconfig))
        beacon = BeaconModel(server)
        beacon.hook("config_changed")
        for app in ("web", "catalogue", "buyer"):
            labels = {"app.kubernetes.io/name": app, "app.kubernetes.io/managed-by": "juju", **IN_MESH}
            spec = PodSpec(containers=[Container(name="c", image="i")], serviceAccountName=app)
            metadata = ObjectMeta(name=f"{app}-0", namespace=MODEL, labels=labels)
            beacon.client.create(Pod(metadata=metadata, spec=spec))
        requested = [policy("web", "catalogue", endpoints=[GET_ITEMS]), policy("ads", "catalogue")]
        beacon.consumer("catalogue", *requested)
        beacon.consumer("thief", policy("thief", "catalogue"))
        beacon.relate("service-mesh", "orders", databag(policy("web", "orders")))
        yield beacon


@pytest.fixture
def shop(settled: BeaconModel) -> Iterator[BeaconModel]:
    """That model, as it was before the test."""
    before = settled.state
    yield settled
    settled.state = before
    settled.kubernetes.access.restore()


def run(beacon: BeaconModel, action: str, **params: Any) -> dict[str, Any]:
    """Run an action, which must not write anything, and return its results."""
    beacon.kubernetes.requests.clear()
    beacon.state = beacon.context.run(beacon.context.on.action(action, params=params), beacon.state)
    assert beacon.writes() == []
    return dict(beacon.context.action_results or {})


def failure_of(beacon: BeaconModel, action: str, **params: Any) -> str:
    with pytest.raises(testing.ActionFailed) as failed:
        run(beacon, action, **params)
    return failed.value.message


def test_every_unit_answers_and_keeps_its_status(shop: BeaconModel):
    before = shop.state.unit_status
    for action in ACTIONS:
        requested = ASKED.get(action, {})
        by_leader = run(shop, action, **requested)
        shop.lead(False)
        assert by_leader
        assert run(shop, action, **requested) == by_leader
        shop.lead(True)
    assert shop.state.unit_status == before


def test_policies_are_listed_for_people(shop: BeaconModel):
    found = run(shop, "list-policies")
    heading, _, row, *_ = found["policies"].splitlines()
    assert heading.split() == ["SOURCE", "TARGET", "REQUESTS", "CONSUMER", "STATE", "POLICY"]
    assert row.split()[:2] == ["web", "catalogue"]
    assert "GET /items on 80" in row
    assert f"  catalogue (service-mesh:{relation_with(shop, 'catalogue').id})  " in row
    assert "enforced" in row
    assert found["summary"] == "4 policies: 2 enforced, 1 not enforced, 1 rejected"
    # Policies that Istio does not enforce, with its reason.
    assert "Service shop/orders was not found" in found["policies"]
    assert max(map(len, found["policies"].splitlines())) <= 120


def test_policies_are_listed_for_programs(shop: BeaconModel):
    relation = relation_with(shop, "catalogue")
    assert run(shop, "list-policies", format="json", source="web", target="catalogue")["policies"] == {
        "1": {
            "source": "shop/web",
            "target": "shop/catalogue",
            "requests": "GET /items on 80",
            "consumer": "catalogue",
            "relation": f"service-mesh:{relation.id}",
            "policy": WEB_TO_CATALOGUE,
            "state": "enforced",
            "reason": "",
        }
    }


def test_each_key_of_a_result_is_documented(shop: BeaconModel):
    text = (DOCS / "reference/actions.md").read_text()
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    for action in ACTIONS:
        form = {"format": "json"} if action in ("list-policies", "explain") else {}
        found = run(shop, action, **ASKED.get(action, {}), **form)
        assert keys_of(found) <= set(re.findall(r"`([a-z-]+)`", sections[action])), action


def keys_of(results: dict[str, Any]) -> set[str]:
    """All keys that are not places in a list."""
    within = [keys_of(each) for each in results.values() if isinstance(each, dict)]
    return {key for key in results if not key.isdecimal()}.union(*within)


def relation_with(beacon: BeaconModel, app: str) -> testing.Relation:
    relations = beacon.state.get_relations("service-mesh")
    (relation,) = (
        each for each in relations if isinstance(each, testing.Relation) and each.remote_app_name == app
    )
    return relation


def test_endpoint_is_named_if_consumer_sends_it(shop: BeaconModel):
    relation = relation_with(shop, "catalogue")
    endpoint = '{"hosts": null, "ports": [80], "methods": ["GET"], "paths": ["/items"]}'
    declared = f'[{{"relation": "items", "service": null, "endpoints": [{endpoint}]}}]'
    identity = dataclasses.replace(
        relation, remote_app_data={**relation.remote_app_data, "declared_policies": declared}
    )
    others = {each for each in shop.state.relations if each.id != relation.id}
    shop.state = dataclasses.replace(shop.state, relations={*others, identity})
    row = run(shop, "list-policies", format="json", source="web", target="catalogue")["policies"]["1"]
    assert row["relation"] == "catalogue:items"
    found = run(shop, "explain", source="web", target="catalogue", method="GET", path="/items")
    assert found["relations"] == "catalogue:items"


def test_failed_write_is_the_reason_despite_a_relation(shop: BeaconModel):
    declared = '[{"relation": "items", "service": null, "endpoints": []}]'
    ask_more(shop, "catalogue", policy("buyer", "catalogue"), policy("ads", "catalogue"), declared=declared)
    row = run(shop, "list-policies", format="json", source="buyer")["policies"]["1"]
    assert row["state"] == "not written"
    assert row["reason"] == "not in Kubernetes yet: see `juju run beacon/leader plan`"
    found = run(shop, "explain", source="buyer", target="catalogue")
    assert found["closest-match"] == (
        "catalogue requests to allow shop/buyer: anything; but it is not in Kubernetes"
    )
    assert found["suggestion"] == "juju run beacon/leader plan"


def test_policy_that_differs_is_marked(shop: BeaconModel):
    ask_more(shop, "catalogue", policy("web", "catalogue"), policy("ads", "catalogue"))
    why = "differs from what is requested: corrected at the next hook, or see `juju run beacon/leader plan`"
    row = run(shop, "list-policies", format="json", source="web", target="catalogue")["policies"]["1"]
    assert (row["requests"], row["reason"]) == ("GET /items on 80", why)
    found = run(shop, "explain", source="web", target="catalogue", method="PUT")
    assert f"policy {WEB_TO_CATALOGUE}: {why}" in found["notes"]
    # It is requested already, so no other relation is suggested.
    assert found["closest-match"].endswith("but it is not in Kubernetes")


def test_unrequested_policy_is_marked(shop: BeaconModel):
    ask_more(shop, "catalogue", policy("web", "catalogue", endpoints=[GET_ITEMS]))
    row = run(shop, "list-policies", format="json", source="ads")["policies"]["1"]
    assert row["reason"].startswith("no longer requested: deleted at the next hook, or see ")


def test_retained_policy_of_invalid_databag_is_marked(shop: BeaconModel):
    relation = relation_with(shop, "catalogue")
    data = {"policies": relation.remote_app_data["policies"][:-20]}
    shop.state = dataclasses.replace(
        shop.state,
        relations={
            *(each for each in shop.state.relations if each.id != relation.id),
            dataclasses.replace(relation, remote_app_data=data),
        },
    )
    row = run(shop, "list-policies", format="json", source="ads")["policies"]["1"]
    kept = f"catalogue (service-mesh:{relation.id}) sent invalid policies; keeping its previous ones"
    assert row["reason"].startswith(kept)
    text = run(shop, "list-policies", source="ads")["policies"]
    assert f"enforced: {kept}" in text
    found = run(shop, "explain", source="web", target="catalogue", method="PUT")
    assert kept in found["notes"]


def test_retained_policy_of_former_consumer_is_marked(shop: BeaconModel):
    relation = relation_with(shop, "catalogue")
    shop.state = dataclasses.replace(
        shop.state, relations={each for each in shop.state.relations if each.id != relation.id}
    )
    row = run(shop, "list-policies", format="json", source="ads")["policies"]["1"]
    assert row["reason"] == (
        "catalogue is no longer related; keeping its policies while its Service uses the waypoint"
    )


def ask_more(beacon: BeaconModel, app: str, *requested: Any, **more: str) -> None:
    """Change an application's requested policies without a hook of the beacon."""
    relation = relation_with(beacon, app)
    data = {**databag(*requested), **{f"{key}_policies": text for key, text in more.items()}}
    others = {each for each in beacon.state.relations if each.id != relation.id}
    beacon.state = dataclasses.replace(
        beacon.state, relations={*others, dataclasses.replace(relation, remote_app_data=data)}
    )


@pytest.mark.parametrize(
    ("params", "listed", "exported"),
    [
        ({"source": "shop/web"}, 2, 2),
        # The one that allows the waypoint at the pods is exported, too.
        ({"target": "catalogue"}, 3, 3),
        ({"source": "ads", "target": "catalogue"}, 1, 1),
        ({"source": "we"}, 0, 0),
    ],
)
def test_policies_are_chosen_by_source_and_target(
    shop: BeaconModel, params: dict[str, str], listed: int, exported: int
):
    assert len(run(shop, "list-policies", format="json", **params).get("policies", {})) == listed
    assert run(shop, "export-policies", **params)["count"] == str(exported)


@pytest.mark.parametrize("action", ["list-policies", "export-policies", "mesh-graph"])
def test_filter_without_match_lists_names(shop: BeaconModel, action: str):
    found = run(shop, action, source="we", target="catalogue")
    assert found["hint"] == "no policy has source=we; there is shop/ads, shop/thief, shop/web"
    found = run(shop, action, target="catalog")
    assert found["hint"] == "no policy has target=catalog; there is shop/catalogue, shop/orders"
    found = run(shop, action, source="web", target="thief")
    assert "no policy has target=thief; there is" in found["hint"]
    found = run(shop, action, source="ads", target="orders")
    assert found["hint"] == "no policy has source=ads and target=orders, although some have one of them"
    assert "hint" not in run(shop, action, source="web")


def test_what_is_refused_is_listed_with_the_remedy(shop: BeaconModel):
    found = run(shop, "list-policies", source="thief", format="json")["policies"]["1"]
    assert (found["state"], found["consumer"], found["policy"]) == ("rejected", "thief", "")
    assert "restrict-consumers=false" in found["reason"]


def test_the_export_is_what_kubernetes_takes(shop: BeaconModel):
    documents = list(yaml.safe_load_all(run(shop, "export-policies")["policies"]))
    for document in documents:
        assert document["apiVersion"] == "security.istio.io/v1"
        assert document["kind"] == "AuthorizationPolicy"
        assert set(document["metadata"]) == {"name", "namespace", "annotations"}
    exported = {
        f"{each['metadata']['namespace']}/{each['metadata']['name']}": each["spec"] for each in documents
    }
    of_waypoint = {name for name in exported if name.endswith(".from.shop.shop-beacon-waypoint")}
    assert {name: spec for name, spec in exported.items() if name not in of_waypoint} == shop.policies()
    assert {name.split(".")[2] for name in of_waypoint} == {"catalogue", "orders"}


def test_a_request_is_explained(shop: BeaconModel):
    allowed = run(shop, "explain", source="web", target="catalogue", method="GET", path="/items", port=80)
    assert allowed["verdict"] == "allowed"
    assert allowed["policies"] == WEB_TO_CATALOGUE
    assert allowed["path"].splitlines()[0].startswith("waypoint shop/shop-beacon-waypoint: ")
    refused = run(shop, "explain", source="web", target="catalogue", method="PUT", path="/items")
    assert refused["verdict"] == "denied"
    assert "another method" in refused["closest-match"]
    assert refused["suggestion"] == "allowed requests: GET /items on 80"


def test_an_explanation_for_programs_has_each_thing_under_a_key(shop: BeaconModel):
    found = run(shop, "explain", source="web", target="catalogue", format="json")
    assert found["policies"] == {"1": WEB_TO_CATALOGUE}
    assert set(found["path"]["1"]) == {"point", "decision"}


def test_the_mesh_is_drawn_without_what_is_refused(shop: BeaconModel):
    text = run(shop, "mesh-graph")["graph"]
    assert text.startswith("flowchart LR")
    assert "GET /items on 80" in text
    assert "thief" not in text


@pytest.mark.parametrize(
    ("action", "params", "why"),
    [
        ("explain", {}, "source=… is missing"),
        ("explain", {"source": "web"}, "target=… is missing"),
        ("explain", {"source": "web", "target": "no such"}, "target='no such' is not an application"),
        ("explain", {"source": "web", "target": "nobody"}, "there is no Service shop/nobody"),
        (
            "explain",
            {"source": "nobody", "target": "catalogue"},
            "there is no application shop/nobody with pods",
        ),
        ("explain", {"source": "web", "target": "web", "port": 0}, "port='0' is not a port"),
        ("explain", {"source": "web", "target": "web", "port": "x"}, "port='x' is not a port"),
        ("explain", {"source": "web", "target": "web", "port": "0000801234"}, "is not a port"),
        ("explain", {"source": "web", "target": "web", "port": "00001" + "1" * 5000}, "is not a port"),
        ("explain", {"source": "web", "target": "web/" + "1" * 5000}, "there is no"),
        ("explain", {"source": "x" * 10**6 + "!", "target": "web"}, "x'… is not an application"),
        ("list-policies", {"format": "x" * 10**6}, "x'… is not one of table, json"),
        ("explain", {"source": "web", "target": "web", "path": "items"}, "does not begin with /"),
        ("explain", {"source": "web", "target": "web", "method": "A B"}, "is not an HTTP method"),
        ("list-policies", {"format": "xml"}, "format='xml' is not one of table, json"),
    ],
)
def test_bad_parameters_are_one_line(
    shop: BeaconModel, monkeypatch: pytest.MonkeyPatch, action: str, params: dict[str, Any], why: str
):
    monkeypatch.setenv("SCENARIO_SKIP_CONSISTENCY_CHECKS", "1")
    message = failure_of(shop, action, **params)
    assert why in message
    assert "\n" not in message


@pytest.mark.parametrize("action", ACTIONS)
def test_unavailable_kubernetes_is_one_line(
    shop: BeaconModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, action: str
):
    requested = ASKED.get(action, {})
    shop.kubernetes.access.deny()
    assert "juju trust beacon --scope=cluster" in failure_of(shop, action, **requested)
    shop.kubernetes.access.restore()
    silent = tmp_path / "silent"
    shop.kubernetes.write_kubeconfig(silent)
    silent.write_text(silent.read_text().replace(shop.kubernetes.url, "http://127.0.0.1:1"))
    monkeypatch.setenv("KUBECONFIG", str(silent))
    assert "no answer from Kubernetes" in failure_of(shop, action, **requested)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nowhere"))
    assert failure_of(shop, action, **requested)


def test_an_invalid_option_keeps_its_last_value(shop: BeaconModel, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SCENARIO_SKIP_CONSISTENCY_CHECKS", "1")
    config = {**shop.state.config, "restrict-consumers": "perhaps"}
    shop.state = dataclasses.replace(shop.state, config=config)
    assert run(shop, "list-policies", source="thief", format="json")["policies"]["1"]["state"] == "rejected"


@pytest.mark.parametrize(
    ("action", "policies"), [("list-policies", 1000), ("export-policies", 400), ("mesh-graph", 2000)]
)
def test_an_answer_is_no_longer_than_juju_takes(shop: BeaconModel, action: str, policies: int):
    requested = [policy(f"web-{number}", "catalogue") for number in range(policies)]
    many = testing.Relation("service-mesh", remote_app_name="catalogue", remote_app_data=databag(*requested))
    shop.state = dataclasses.replace(
        shop.state, relations={*shop.state.get_relations("peers"), many}, config={"policy-mode": "off"}
    )
    for form in [{}, {"format": "json"}] if action == "list-policies" else [{}]:
        found = run(shop, action, **form)
        assert len(str(found).encode()) < 128 * 1024
        assert ": narrow the request" in found["omitted"]


@pytest.mark.parametrize(
    "endpoints",
    [
        [{"paths": [f"/{'a' * 100_000}"]}],
        [{"paths": [f"/{number}/{'a' * 1000}"]} for number in range(100)],
        [{"paths": [f"/{number}" for number in range(20_000)]}],
    ],
    ids=["a long path", "many kinds of requests", "many paths"],
)
@pytest.mark.parametrize("action", ["list-policies", "export-policies", "mesh-graph"])
def test_long_policy_hides_no_other(shop: BeaconModel, action: str, endpoints: list[dict[str, Any]]):
    long = databag(policy("web", "big", endpoints=endpoints))
    other = databag(policy("shopper", "catalogue"))
    relations = {
        testing.Relation("service-mesh", remote_app_name=app, remote_app_data=data)
        for app, data in (("big", long), ("catalogue", other))
    }
    shop.state = dataclasses.replace(
        shop.state, relations={*shop.state.get_relations("peers"), *relations}, config={"policy-mode": "off"}
    )
    for form in [{}, {"format": "json"}] if action == "list-policies" else [{}]:
        text = str(run(shop, action, **form))
        assert len(text.encode()) < 128 * 1024
        assert "shopper" in text


def test_charmcraft_yaml_takes_nothing_else():
    charmcraft, coordinator = (
        yaml.safe_load((CHARMS / name / "charmcraft.yaml").read_text())
        for name in ("istio-beacon-k8s", "demo-coordinator-k8s")
    )
    for name in ACTIONS:
        action = charmcraft["actions"][name]
        assert action["additionalProperties"] is False
        assert all(param["description"] and param["type"] for param in action["params"].values())
        assert coordinator["actions"][name]["params"] == action["params"]
