"""A coordinator and a worker, written from the package's documentation only."""

import dataclasses
from pathlib import Path
from typing import Any

import ops
import pytest
import yaml
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import StatefulSet
from lightkube.resources.core_v1 import Service
from ops import testing

from tests.scenario.coordinator import field_worker
from tests.scenario.coordinator.field_cluster import (
    APP,
    MESH_LABELS,
    MODEL,
    Cluster,
    address,
    container,
    local,
    mesh,
    store,
)
from tests.support.juju_application import pod_template

pytestmark = pytest.mark.kubernetes

MOUNTED = ("etc", "usr/local/share")


@dataclasses.dataclass
class Both:
    """The two charms, and the data of their relation."""

    cluster: Cluster
    worker: testing.Context[ops.CharmBase]
    files: Path
    monkeypatch: pytest.MonkeyPatch
    secrets: list[testing.Secret] = dataclasses.field(default_factory=list[testing.Secret])
    """Those that the coordinator has granted the worker."""
    said_by_worker: testing.Relation = dataclasses.field(
        default_factory=lambda: testing.Relation("field-cluster", remote_app_name=APP)
    )

    def install(self) -> None:
        """Run the first event of both, before anything is related."""
        self.cluster.run(event="install")
        with self.monkeypatch.context() as patch:
            patch.setattr("socket.getfqdn", lambda *_: address("worker", 0))
            self.worker.run(self.worker.on.install(), self._state())

    def run_worker(self, **said_by_coordinator: str) -> testing.State:
        relation = dataclasses.replace(self.said_by_worker, remote_app_data=said_by_coordinator)
        with self.monkeypatch.context() as patch:
            patch.setattr("socket.getfqdn", lambda *_: address("worker", 0))
            state = self.worker.run(self.worker.on.relation_changed(relation), self._state(relation))
        self.said_by_worker = local(state, relation)
        return state

    def run_coordinator(self, *relations: testing.RelationBase) -> dict[str, str]:
        sent = self.said_by_worker
        relation = testing.Relation(
            "field-cluster",
            remote_app_name="worker",
            remote_app_data=dict(sent.local_app_data),
            remote_units_data={0: dict(sent.local_unit_data)},
        )
        state = self.cluster.run(relation, *relations)
        granted = [secret for secret in state.secrets if relation.id in secret.remote_grants]
        self.secrets = [testing.Secret(secret.tracked_content, id=secret.id) for secret in granted]
        return dict(local(state, relation).local_app_data)

    def _state(self, *relations: testing.Relation) -> testing.State:
        mounts: dict[str, Any] = {}
        for place in MOUNTED:
            (self.files / place).mkdir(parents=True, exist_ok=True)
            mounts[place] = testing.Mount(location=f"/{place}", source=self.files / place)
        up = container("field", mounts=mounts)
        return testing.State(
            relations=relations, containers={up}, leader=True, model=MODEL, secrets=self.secrets
        )


@pytest.fixture
def both(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Both:
    _add_application(cluster, "worker")
    context = testing.Context(
        field_worker.FieldWorker, meta=field_worker.METADATA, config=field_worker.CONFIG, app_name="worker"
    )
    return Both(cluster, context, tmp_path / "worker", monkeypatch)


def _add_application(cluster: Cluster, name: str) -> None:
    labels = {"app.kubernetes.io/name": name}
    stateful_set = cluster.client.get(StatefulSet, APP, namespace="m")
    service = cluster.client.get(Service, APP, namespace="m")
    assert stateful_set.spec
    assert service.spec
    stateful_set.spec.selector.matchLabels = labels
    stateful_set.spec.template.metadata = ObjectMeta(labels=dict(labels))
    service.spec.clusterIP = service.spec.clusterIPs = None
    metadata = ObjectMeta(name=name, namespace="m")
    cluster.client.create(StatefulSet(metadata=metadata, spec=stateful_set.spec))
    cluster.client.create(Service(metadata=metadata, spec=service.spec))


def labels(both: Both) -> dict[str, str]:
    metadata = pod_template(both.cluster.client, "m", "worker").metadata
    assert metadata
    assert metadata.labels
    return {key: value for key, value in metadata.labels.items() if key != "app.kubernetes.io/name"}


def test_worker_runs_published_configuration(both: Both):
    both.run_worker()
    state = both.run_worker(**both.run_coordinator(store()))
    config = yaml.safe_load((both.files / "etc/worker/config.yaml").read_text())
    assert config["ingesters"] == [address("worker", 0)]
    assert state.unit_status.name == "active"


def test_worker_follows_coordinator_into_mesh(both: Both):
    both.run_worker()
    both.run_worker(**both.run_coordinator(store(), mesh()))
    assert labels(both) == {"app.kubernetes.io/part-of": APP, **MESH_LABELS}
    both.run_worker(**both.run_coordinator(store()))
    assert labels(both) == {"app.kubernetes.io/part-of": APP}


def test_both_install_form_cluster_and_join_mesh(both: Both):
    both.install()
    both.run_worker()
    both.run_worker(**both.run_coordinator(store()))
    assert labels(both) == {"app.kubernetes.io/part-of": APP}
    state = both.run_worker(**both.run_coordinator(store(), mesh()))
    assert state.unit_status.name == "active"
    assert labels(both) == {"app.kubernetes.io/part-of": APP, **MESH_LABELS}
