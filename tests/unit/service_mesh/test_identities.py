"""Identities of applications of other models: by Kubernetes, or else by their own data."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import ops
import pytest
from ops import testing

from charmlibs.interfaces.service_mesh import AppPolicy, ServiceMeshConsumer
from sandbox.kubernetes import KubernetesServer

MODEL, OTHER = "6d6f6465-6c00-4000-8000-000000000001", "6f746865-7200-4000-8000-000000000002"
ADDRESS = "10.152.1.7"
META: dict[str, Any] = {
    "name": "web",
    "provides": {
        "data": {"interface": "data"},
        "provide-cmr-mesh": {"interface": "cross_model_mesh"},
    },
    "requires": {"service-mesh": {"interface": "service_mesh", "limit": 1}},
}


class Web(ops.CharmBase):
    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        policies = [AppPolicy(relation="data", endpoints=[])]
        self.mesh = ServiceMeshConsumer(self, policies=policies)


def remote(endpoint: str, name: str, *, address: str = ADDRESS, **data: str) -> testing.Relation:
    return testing.Relation(
        endpoint,
        remote_app_name=name,
        remote_model_uuid=OTHER,
        remote_units_data={0: {"ingress-address": address} if address else {}},
        remote_app_data=data,
    )


def claim(name: str, app: str, model: str, *, address: str = ADDRESS) -> testing.Relation:
    data = json.dumps({"app_name": app, "juju_model_name": model})
    return remote("provide-cmr-mesh", name, address=address, cmr_data=data)


def in_relation(number: int) -> str:
    """The name that Juju 4 generates for an application in one relation."""
    return f"remote-{number:032x}"


@pytest.fixture
def cluster(
    kubernetes: KubernetesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> KubernetesServer:
    """A cluster with the other model, in namespace `office`, and its application `kiosk`."""
    monkeypatch.setenv("KUBECONFIG", str(kubernetes.write_kubeconfig(tmp_path / "config", namespace="m")))
    labels = {"model.juju.is/id": OTHER}
    kubernetes.store.create("Namespace", {"metadata": {"name": "office", "labels": labels}})
    spec = {"clusterIP": ADDRESS, "ports": [{"port": 80}]}
    metadata = {"name": "kiosk", "labels": {"app.kubernetes.io/name": "kiosk"}}
    kubernetes.store.create("Service", {"metadata": metadata, "spec": spec}, namespace="office")
    kubernetes.requests.clear()
    return kubernetes


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No reachable cluster."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))


def after(*relations: testing.Relation, state: testing.State | None = None) -> testing.State:
    ctx = testing.Context(Web, META)
    mesh = testing.Relation("service-mesh")
    model = testing.Model("m", uuid=MODEL)
    before = state or testing.State(leader=True, relations={mesh, *relations}, model=model)
    return ctx.run(ctx.on.config_changed(), before)


def sources(state: testing.State) -> list[str]:
    """The applications that the published policies allow."""
    (mesh,) = state.get_relations("service-mesh")
    policies = json.loads(mesh.local_app_data["policies"])
    return [f"{policy['source_namespace']}/{policy['source_app_name']}" for policy in policies]


def test_identity_is_read_from_kubernetes(cluster):
    assert sources(after(remote("data", in_relation(1)))) == ["office/kiosk"]


def test_identity_is_looked_up_once(cluster):
    state = after(remote("data", in_relation(1)))
    cluster.requests.clear()
    assert sources(after(state=state)) == ["office/kiosk"]
    assert not [request for request in cluster.requests if "namespaces?" in str(request)]


def lookups(cluster: KubernetesServer) -> list[str]:
    return [each.path for each in cluster.requests if each.path == "/api/v1/namespaces"]


def test_unknown_application_is_looked_up_once_hook(cluster):
    """Policies and labels both depend on it."""
    labels = json.dumps({"istio.io/dataplane-mode": "ambient"})
    mesh = testing.Relation("service-mesh", remote_app_data={"labels": labels, "mesh_type": '"istio"'})
    unknown = [remote("data", in_relation(1), address="192.0.2.1"), remote("data", "x", address="192.0.2.1")]
    model = testing.Model("m", uuid=MODEL)
    state = testing.State(leader=True, relations={mesh, *unknown}, model=model)
    after(state=state)
    assert len(lookups(cluster)) == 1


def test_one_lookup_that_fails_is_all(cluster):
    cluster.access.deny(verbs=["list"], resources=["namespaces"])
    after(*(remote("data", in_relation(number), address=f"192.0.2.{number}") for number in range(1, 4)))
    assert len(lookups(cluster)) == 1


@pytest.mark.parametrize(
    "address",
    [f"{ADDRESS},10.152.1.8", f"{ADDRESS},metadata.name=kiosk", "None", "lb.example", f"{ADDRESS}/32"],
)
def test_text_that_is_no_address_selects_nothing(cluster, address):
    spec = {"clusterIP": "None", "ports": [{"port": 80}]}
    headless = {"name": "admin-endpoints", "labels": {"app.kubernetes.io/name": "admin"}}
    cluster.store.create("Service", {"metadata": headless, "spec": spec}, namespace="office")
    wrong = remote("data", in_relation(1), address=address)
    found = sources(after(wrong, remote("data", in_relation(2))))
    assert sorted(found) == [f"m/{in_relation(1)}", "office/kiosk"]


def test_address_of_a_later_unit_is_used(cluster):
    units = {0: {}, 1: {"ingress-address": ADDRESS}}
    relation = dataclasses.replace(remote("data", in_relation(1)), remote_units_data=units)
    assert sources(after(relation)) == ["office/kiosk"]


def test_address_given_to_another_service_is_looked_up_again(cluster):
    state = after(remote("data", in_relation(1)))
    (mesh,) = state.get_relations("service-mesh")
    store = cluster.store
    service = store.find("Service", "office", "kiosk")
    store.delete("Service", "office", "kiosk")
    metadata = {"name": "till", "labels": {"app.kubernetes.io/name": "till"}}
    store.create("Service", {"metadata": metadata, "spec": service["spec"]}, namespace="office")
    later = dataclasses.replace(state, relations={mesh, remote("data", in_relation(2))})
    assert sources(after(state=later)) == ["office/till"]


def test_application_that_was_consumed_is_looked_up_too(cluster):
    assert sources(after(remote("data", "kiosk-of-the-office"))) == ["office/kiosk"]


def test_contradicted_claim_is_ignored(cluster, caplog):
    state = after(remote("data", in_relation(1)), claim(in_relation(2), "admin", "office"))
    assert sources(state) == ["office/kiosk"]
    assert "it is not admin of office" in caplog.text


def test_claim_of_another_model_than_jujus_is_refused(cluster):
    unknown = remote("data", in_relation(1), address="192.0.2.1")
    claimed = claim(in_relation(2), "kiosk", "somewhere", address="192.0.2.1")
    assert sources(after(unknown, claimed)) == [f"m/{in_relation(1)}"]


def test_claim_decides_where_address_is_no_service(cluster):
    unknown = remote("data", in_relation(1), address="192.0.2.1")
    claimed = claim(in_relation(2), "kiosk", "office", address="192.0.2.1")
    assert sources(after(unknown, claimed)) == ["office/kiosk"]


def test_without_permission_claim_decides(cluster):
    cluster.access.deny(verbs=["list"], resources=["namespaces"])
    relations = [remote("data", in_relation(1)), claim(in_relation(2), "kiosk", "office")]
    assert sources(after(*relations)) == ["office/kiosk"]


class TestWithoutKubernetes:
    def test_on_juju_3_the_name_selects_the_claim(self, elsewhere):
        relations = [remote("data", in_relation(1), address=""), claim(in_relation(1), "kiosk", "office")]
        assert sources(after(*relations)) == ["office/kiosk"]

    def test_on_juju_4_model_and_address_do(self, elsewhere):
        relations = [remote("data", in_relation(1)), claim(in_relation(2), "kiosk", "office")]
        assert sources(after(*relations)) == ["office/kiosk"]

    def test_claim_with_another_address_is_another_applications(self, elsewhere):
        other = claim(in_relation(2), "kiosk", "office", address="10.1.1.1")
        assert sources(after(remote("data", in_relation(1)), other)) == [f"m/{in_relation(1)}"]

    def test_two_claims_decide_nothing(self, elsewhere):
        claims = [claim(in_relation(2), "kiosk", "office"), claim(in_relation(3), "admin", "office")]
        state = after(remote("data", in_relation(1)), *claims)
        assert sources(state) == [f"m/{in_relation(1)}"]

    def test_claim_without_address_is_ignored(self, elsewhere):
        nobodys = claim(in_relation(2), "kiosk", "office", address="")
        state = after(remote("data", in_relation(1), address=""), nobodys)
        assert sources(state) == [f"m/{in_relation(1)}"]
