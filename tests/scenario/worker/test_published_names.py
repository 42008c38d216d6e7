"""Names of the published library that worker charms call, override, assign and patch."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ops
import pytest
from ops import testing

from coordinated_workers import worker as module
from coordinated_workers.interfaces.cluster import ClusterProviderAppData, ClusterRequirerAppData
from coordinated_workers.worker import Worker
from tests.scenario.worker.conftest import ContainerChanges, Store, changed, cluster
from tests.scenario.worker.store_charm import StoreCharm


class LateStatuses(Worker):
    """Adds its statuses after the charm's own, as Tempo's worker does, and starts only with a backend."""

    SERVICE_START_RETRY_STOP = "never read"

    def set_status(self, event: ops.CollectStatusEvent) -> None:
        Worker._on_collect_status(self, event)

    def _on_collect_status(self, event: ops.CollectStatusEvent) -> None:
        pass

    def restart(self) -> None:
        if self.cluster.get_remote_write_endpoints():
            super().restart()


class LateStatusesCharm(StoreCharm):
    worker_type = LateStatuses

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        framework.observe(self.on.collect_unit_status, self._on_collect_status)

    def _on_collect_status(self, event: ops.CollectStatusEvent) -> None:
        event.add_status(ops.ActiveStatus("mine"))
        self.worker.set_status(event)


def test_charm_may_collect_statuses_itself(tmp_path: Path):
    store = Store(tmp_path, LateStatusesCharm)
    store.deploy(cluster(worker_config="a: 1", remote_write_endpoints=[{"url": "http://prometheus:9090"}]))
    assert store.status == ops.ActiveStatus("mine")
    store.run(config={})
    assert isinstance(store.status, ops.BlockedStatus)


def test_subclass_decides_whether_services_start(tmp_path: Path):
    store = Store(tmp_path, LateStatusesCharm)
    store.deploy()
    assert "active" not in store.services.values()
    store.run(relations=[changed(store.relation, remote_write_endpoints=[{"url": "http://prometheus:9090"}])])
    assert store.services == {"store": "active"}


def test_pebble_checks_under_name_that_subclass_gives(tmp_path: Path):
    class Alive(Worker):
        readiness_check_name = "alive"

    class Charm(StoreCharm):
        worker_type = Alive
        readiness_check_endpoint = "http://127.0.0.1:9/ready"

    store = Store(tmp_path, Charm)
    store.deploy()
    assert store.container.plan.checks["alive"].level is ops.pebble.CheckLevel.READY


def test_subclass_assigns_what_published_worker_keeps(tmp_path: Path):
    class Assigning(Worker):
        def __init__(self, *args: Any, **kwargs: Any):
            super().__init__(*args, **kwargs)
            self.topology = self.cluster.juju_topology
            self.cluster.relation = (
                self.model.relations["store-cluster"][0] if self.cluster.relation else None
            )

    class Charm(StoreCharm):
        worker_type = Assigning

    store = Store(tmp_path, Charm)
    store.deploy()
    assert store.status == ops.ActiveStatus("api ready.")


@pytest.mark.parametrize("text", ["beef", "a: [", "\tx", "key = 1"])
def test_configuration_that_is_no_mapping_is_written_verbatim(store: Store, text: str):
    store.deploy(cluster(worker_config=text))
    assert store.file("/etc/worker/config.yaml") == text
    assert isinstance(store.status, ops.ActiveStatus)


@pytest.fixture
def without_kubernetes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Patch what the suites of published charms patch, so that no Kubernetes is needed."""
    patch = module.KubernetesComputeResourcesPatch
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    monkeypatch.setattr(patch, "_namespace", "m")
    monkeypatch.setattr(patch, "_patch", lambda _: None)
    monkeypatch.setattr(patch, "is_ready", lambda _: True)
    monkeypatch.setattr(Worker, "_reconcile_charm_labels", lambda _: [])
    yield


def test_tests_of_charms_take_kubernetes_away(
    store: Store, without_kubernetes: None, monkeypatch: pytest.MonkeyPatch
):
    store.deploy()
    assert store.status == ops.ActiveStatus("api ready.")
    waiting = ops.WaitingStatus("patching")
    monkeypatch.setattr(module.KubernetesComputeResourcesPatch, "get_status", lambda _: waiting)
    store.run()
    assert store.status == waiting


def test_tests_of_charms_put_configuration_there(
    tmp_path: Path,
    without_kubernetes: None,
    monkeypatch: pytest.MonkeyPatch,
    container_changes: ContainerChanges,
):
    class Checked(StoreCharm):
        readiness_check_endpoint = "http://127.0.0.1:9/ready"

    store = Store(tmp_path, Checked)
    monkeypatch.setattr(Worker, "_running_worker_config", lambda _: True)
    monkeypatch.setattr(Worker, "_is_readiness_check_failing", lambda _: False)
    state = testing.State(
        config={"role-all": True}, relations=[cluster(worker_config="a: 1")], containers=[store.workload()]
    )
    collected = store.ctx.run(store.ctx.on.collect_unit_status(), state)
    assert collected.unit_status == ops.ActiveStatus("(all roles) ready.")


def test_databags_are_loaded_and_dumped():
    assert ClusterRequirerAppData.load({"role": '"api"', "egress-subnets": "10.1.2.3/32"}).role == "api"
    offer: dict[str, Any] = ClusterProviderAppData(worker_config="a", worker_ports=[80]).dump({"old": "1"})
    assert offer == {"worker_config": '"a"', "worker_ports": "[80]"}
    assert ClusterProviderAppData.load(offer).worker_ports == [80]
    assert json.loads(ClusterRequirerAppData(role="api").dump()["role"]) == "api"


@pytest.mark.parametrize("databag", [{}, {"role": "not JSON"}, {"role": "[1]"}])
def test_invalid_databag_is_cosls_error(databag: dict[str, str]):
    from cosl.interfaces.utils import DataValidationError

    with pytest.raises(DataValidationError):
        ClusterRequirerAppData.load(databag)
