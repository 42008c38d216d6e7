"""The charms in the how-to guides work as described."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ops
import pytest
import yaml
from lightkube import Client, KubeConfig
from ops import testing

from istio_policies import AuthorizationPolicy
from sandbox.kubernetes import KubernetesServer
from tests.support.pages import REPOSITORY, Page

MODEL = testing.Model("m", uuid="7c1b1f4e-0a3c-4c55-9a5e-0d6c6a0f1a11")


@pytest.fixture(scope="module")
def server() -> Iterator[KubernetesServer]:
    with KubernetesServer() as server:
        yield server


@pytest.fixture
def client(server: KubernetesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    server.store.reset()
    server.store.create(server.store.kind("Namespace"), {"metadata": {"name": "m"}})
    path = server.write_kubeconfig(tmp_path / "kubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(path))
    return Client(KubeConfig.from_file(path))


def guide(name: str) -> tuple[type[ops.CharmBase], dict[str, Any]]:
    """The charm of a guide, and the endpoints that the guide adds to charmcraft.yaml."""
    page = Page(REPOSITORY / f"docs/how-to/{name}.md")
    names: dict[str, Any] = {"__name__": "sample"}
    exec(compile(page.program, str(page), "exec"), names)
    (charm,) = (
        value
        for value in names.values()
        if isinstance(value, type) and value.__module__ == "sample" and issubclass(value, ops.CharmBase)
    )
    return charm, yaml.safe_load(block[0].text) if (block := page.of("yaml")) else {}


def requested(state: testing.State, mesh: testing.Relation) -> list[dict[str, Any]]:
    return json.loads(state.get_relation(mesh.id).local_app_data["policies"])


def test_coordinator_declares_policies_of_its_relations(client: Client):
    charm, meta = guide("add-the-mesh-to-coordinated-workers")
    own = {
        "api": {"interface": "shop_api"},
        "metrics-endpoint": {"interface": "prometheus_scrape"},
        "shop-cluster": {"interface": "shop_cluster"},
    }
    meta = {"name": "shop", **meta, "provides": {**meta["provides"], **own}}
    meta["containers"] = {"nginx": {}, "nginx-prometheus-exporter": {}}
    mesh = testing.Relation("service-mesh", remote_app_name="beacon")
    related = [
        mesh,
        testing.Relation("api", remote_app_name="browser"),
        testing.Relation("metrics-endpoint", remote_app_name="prometheus"),
    ]
    context = testing.Context(charm, meta)
    down = [testing.Container(name) for name in meta["containers"]]
    state = testing.State(leader=True, model=MODEL, relations=related, containers=down)
    after = context.run(context.on.update_status(), state)
    assert [
        (each["source_app_name"], each["target_type"], each["endpoints"][0]["ports"])
        for each in requested(after, mesh)
    ] == [
        ("prometheus", "unit", [9113]),
        ("prometheus", "app", [3300]),
        ("browser", "app", [80]),
    ]
    assert after.opened_ports == {testing.TCPPort(80), testing.TCPPort(3300)}


def test_kiosk_sends_its_identity_over_its_own_endpoint():
    charm, meta = guide("cross-model")
    renamed = {
        "name": "kiosk",
        "requires": {
            "service-mesh": {"interface": "service_mesh", "limit": 1},
            "send-identity": meta["requires"]["require-cmr-mesh"],
        },
        "provides": {"receive-identities": meta["provides"]["provide-cmr-mesh"]},
    }
    identity = testing.Relation("send-identity", remote_app_name="catalogue")
    context = testing.Context(charm, renamed)
    state = testing.State(leader=True, model=MODEL, relations=[identity])
    after = context.run(context.on.relation_created(identity), state)
    names = json.loads(after.get_relation(identity.id).local_app_data["cmr_data"])
    assert names == {"app_name": "kiosk", "juju_model_name": "m"}


def test_gateway_keeps_its_policies_and_takes_them_away(client: Client):
    charm, _ = guide("custom-policies")
    context = testing.Context(charm, {"name": "gateway"})
    state = testing.State(leader=True, model=MODEL)
    after = context.run(context.on.start(), state)
    assert after.unit_status == ops.ActiveStatus()
    assert len(list(client.list(AuthorizationPolicy, namespace="m"))) == 2
    context.run(context.on.remove(), testing.State(model=MODEL, planned_units=0))
    assert list(client.list(AuthorizationPolicy, namespace="m")) == []


def test_kubernetes_takes_policies_that_harden(client: Client, server: KubernetesServer):
    (block,) = Page(REPOSITORY / "docs/how-to/harden.md").of("yaml")
    server.store.create(server.store.kind("Namespace"), {"metadata": {"name": "istio-system"}})
    for document in yaml.safe_load_all(block.text):
        client.create(AuthorizationPolicy.from_dict(document))
    found = client.list(AuthorizationPolicy, namespace="istio-system")
    specs = [policy.to_dict().get("spec") or {} for policy in found]
    assert {tuple(spec) for spec in specs} == {(), ("targetRefs",)}
