"""The results of the coordinator's actions."""

import json
from typing import Any

import pytest
import yaml
from lightkube import Client, KubeConfig, codecs
from ops import testing

from sandbox.kubernetes import KubernetesServer
from tests.scenario.demo.key_value_model import (
    COORDINATOR,
    MODEL,
    WORKER,
    coordinator_context,
    coordinator_state,
    workers,
)

pytestmark = pytest.mark.kubernetes

ACTIONS = ["list-policies", "explain", "export-policies", "mesh-graph"]
INSIDE = {"source": COORDINATOR, "target": f"{WORKER}/0", "port": 8080}
LABELS = {"istio.io/dataplane-mode": "ambient"}


class Operator:
    """Runs actions on a unit of the coordinator."""

    def __init__(self, kubernetes: KubernetesServer, *, in_mesh: bool = True):
        self._kubernetes = kubernetes
        self._context = coordinator_context()
        data = {"labels": json.dumps(LABELS), "mesh_type": '"istio"'}
        mesh = testing.Relation("service-mesh", remote_app_name="beacon", remote_app_data=data)
        state = coordinator_state(workers(), *([mesh] if in_mesh else []))
        self._state = self._context.run(self._context.on.update_status(), state)

    def run(self, action: str, *, leader: bool = True, **params: Any) -> dict[str, Any]:
        """Run an action, which must not write anything, and return its results."""
        self._kubernetes.requests.clear()
        state = coordinator_state(*self._state.relations, leader=leader)
        after = self._context.run(self._context.on.action(action, params=params), state)
        assert [each for each in self._kubernetes.requests if each.method != "GET"] == []
        assert after.relations == state.relations
        return dict(self._context.action_results or {})

    def failure_of(self, action: str, **params: Any) -> str:
        with pytest.raises(testing.ActionFailed) as failed:
            self.run(action, **params)
        return failed.value.message


@pytest.fixture
def operator(kubernetes: KubernetesServer, tmp_path: Any) -> Operator:
    """Of a cluster with one worker, in the mesh."""
    client = Client(KubeConfig.from_file(kubernetes.write_kubeconfig(tmp_path / "own")))
    kubernetes.controllers.stateful_sets.stop()
    kubernetes.store.delete_collection("Pod", MODEL.name)
    for app in (COORDINATOR, WORKER):
        labels = {"app.kubernetes.io/name": app, "app.kubernetes.io/part-of": COORDINATOR, **LABELS}
        spec = {"containers": [{"name": "c", "image": "i"}], "serviceAccountName": app}
        metadata = {"name": f"{app}-0", "namespace": MODEL.name, "labels": labels}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        client.create(codecs.from_dict(pod))
    return Operator(kubernetes)


def test_every_unit_answers_the_same(operator: Operator):
    for action in ACTIONS:
        requested = INSIDE if action == "explain" else {}
        by_leader = operator.run(action, **requested)
        assert by_leader
        assert operator.run(action, leader=False, **requested) == by_leader


def test_policies_are_listed_as_table_and_for_programs(operator: Operator):
    found = operator.run("list-policies", source=WORKER, format="json")
    rows = found["policies"].values()
    assert {(row["source"], row["target"], row["state"]) for row in rows} == {
        (f"shop/{WORKER}", f"units of cluster shop/{COORDINATOR}", "enforced"),
        # In this cluster there is no waypoint.
        (f"shop/{WORKER}", f"shop/{COORDINATOR}", "not enforced"),
    }
    assert set(next(iter(rows))) == {
        *("source", "target", "requests", "consumer", "relation", "policy", "state", "reason")
    }
    table = operator.run("list-policies", source=WORKER)["policies"].splitlines()
    assert table[0].split() == ["SOURCE", "TARGET", "REQUESTS", "CONSUMER", "STATE", "POLICY"]
    assert [line.split()[0] for line in table[1:3]] == [WORKER, WORKER]


def test_request_inside_cluster_is_explained(operator: Operator):
    found = operator.run("explain", format="json", **INSIDE)
    assert found["verdict"] == "allowed"
    assert found["relations"] == {"1": f"{COORDINATOR}:demo-cluster"}
    assert list(found["policies"]) == ["1"]
    assert set(found["path"]["1"]) == {"point", "decision"}


def test_export_is_what_kubernetes_takes(operator: Operator):
    documents = list(yaml.safe_load_all(operator.run("export-policies")["policies"]))
    assert {document["kind"] for document in documents} == {"AuthorizationPolicy"}


def test_the_cluster_is_drawn(operator: Operator):
    assert operator.run("mesh-graph")["graph"].startswith("flowchart LR")


def test_plan_outside_a_mesh(kubernetes: KubernetesServer):
    operator = Operator(kubernetes, in_mesh=False)
    rows = operator.run("list-policies", format="json")["policies"].values()
    assert {row["state"] for row in rows} == {"not written"}
    assert {row["reason"] for row in rows} == {
        "the cluster is not in a mesh: juju integrate kv:service-mesh BEACON"
    }
    assert operator.run("export-policies")["count"] == str(len(rows))


@pytest.mark.parametrize(
    ("action", "params", "why"),
    [
        (
            "explain",
            {**INSIDE, "source": "nobody"},
            "there is no application shop/nobody with pods in this cluster",
        ),
        (
            "explain",
            {**INSIDE, "target": f"{WORKER}/7"},
            f"there is no unit shop/{WORKER}/7 with a pod; there is {WORKER}/0",
        ),
        ("explain", {**INSIDE, "target": "no such"}, "target='no such' is not an application"),
    ],
)
def test_failed_action_has_one_line(operator: Operator, action: str, params: dict[str, Any], why: str):
    message = operator.failure_of(action, **params)
    assert why in message
    assert "\n" not in message


def test_missing_permission_is_answered_with_command(operator: Operator, kubernetes: KubernetesServer):
    kubernetes.access.deny()
    for action in ACTIONS:
        message = operator.failure_of(action, **(INSIDE if action == "explain" else {}))
        assert f"juju trust {COORDINATOR} --scope=cluster" in message
