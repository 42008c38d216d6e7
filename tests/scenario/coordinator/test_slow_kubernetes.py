"""A coordinator whose Kubernetes is slow, overloaded, or silent."""

import time
from collections.abc import Iterator
from pathlib import Path

import lightkube
import ops
import pytest
from ops import testing

from sandbox.kubernetes import KubernetesServer
from tests.scenario.coordinator.field_cluster import MESH_LABELS, Cluster, mesh, store, workers
from tests.support.faulty_server import FaultyServer
from tests.support.juju_application import pod_template

RELATIONS = (mesh(), workers(units=2), store())


@pytest.fixture
def faulty(
    kubernetes: KubernetesServer, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FaultyServer]:
    with FaultyServer(kubernetes.url) as server:
        path = server.write_kubeconfig(tmp_path / "faulty")
        monkeypatch.setenv("KUBECONFIG", str(path))
        yield server


def status(cluster: Cluster) -> ops.StatusBase:
    return cluster.run(*RELATIONS).unit_status


@pytest.mark.parametrize("resource", ["authorizationpolicies", "configmaps", "statefulsets"])
@pytest.mark.parametrize("answer", [429, 500, 503, "hang up", "not json"])
def test_what_passes_by_itself_is_waited_for(cluster: Cluster, faulty: FaultyServer, resource: str, answer):
    faulty.plan = lambda _, path: answer if resource in path else None
    assert isinstance(status(cluster), testing.WaitingStatus)


@pytest.mark.parametrize("resource", ["authorizationpolicies", "configmaps", "statefulsets"])
def test_what_does_not_pass_blocks(cluster: Cluster, faulty: FaultyServer, resource: str):
    faulty.plan = lambda _, path: 422 if resource in path else None
    assert isinstance(status(cluster), testing.BlockedStatus)


def test_hook_makes_one_connection_for_all(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    made: list[object] = []
    build = lightkube.Client.__init__

    def counted(self: lightkube.Client, *args, **kwargs) -> None:
        made.append(kwargs)
        build(self, *args, **kwargs)

    monkeypatch.setattr(lightkube.Client, "__init__", counted)
    assert status(cluster) == testing.ActiveStatus()
    assert len(made) == 1


def test_unavailable_kubernetes_does_not_delay_hooks(
    cluster: Cluster, faulty: FaultyServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("k8s_charm._client._SECONDS_TO_ANSWER", 0.3)
    faulty.plan = lambda *_: "hang"
    started = time.monotonic()
    assert isinstance(status(cluster), testing.WaitingStatus)
    assert len(faulty.seen) <= 3
    assert time.monotonic() - started < 20


def test_slow_kubernetes_delays_to_the_next_event(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as hurried:
        hurried.setattr("k8s_charm._deadline._SECONDS", 0.0)
        slow = status(cluster)
    assert isinstance(slow, testing.WaitingStatus)
    assert "Kubernetes is slow" in slow.message
    assert status(cluster) == testing.ActiveStatus()
    metadata = pod_template(cluster.client, "m", "field").metadata
    assert metadata
    assert metadata.labels
    assert metadata.labels.items() >= MESH_LABELS.items()
