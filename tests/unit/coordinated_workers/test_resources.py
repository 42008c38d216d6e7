"""CPU and memory of a container, from config options to the StatefulSet."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ops
import pytest
from lightkube import Client, KubeConfig
from lightkube.resources.apps_v1 import StatefulSet
from lightkube.resources.core_v1 import Namespace
from lightkube.types import PatchType
from ops import testing

from coordinated_workers.kubernetes.access import KubernetesAccess
from coordinated_workers.kubernetes.resources import KubernetesComputeResourcesPatch
from k8s_charm import Deadline
from sandbox.kubernetes import KubernetesServer
from tests.support.juju_application import create_application, pod_template

META = {"name": "kv", "containers": {"workload": {}}}
OPTIONS = {
    "options": {
        "cpu_limit": {"type": "string"},
        "memory_limit": {"type": "string"},
        "mem": {"type": "string"},
    }
}
REQUESTS = {"cpu": "50m", "memory": "100Mi"}

Run = Callable[..., ops.StatusBase]


class Charm(ops.CharmBase):
    container = "workload"
    limit_options: dict[str, str] | None = None
    requests = REQUESTS

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        access = KubernetesAccess(self, Deadline())
        self.patch = KubernetesComputeResourcesPatch(
            access, self.container, lambda: self.requests, self.limit_options
        )
        framework.observe(self.on.collect_unit_status, self._on_collect_unit_status)

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent):
        self.patch.reconcile()
        event.add_status(self.patch.get_status())


@pytest.fixture(scope="module")
def server() -> Iterator[KubernetesServer]:
    with KubernetesServer() as server:
        yield server


@pytest.fixture
def client(server: KubernetesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    kubeconfig = server.write_kubeconfig(tmp_path / "kubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    client = Client(KubeConfig.from_file(kubeconfig), namespace="m")
    create_application(client, "m", "kv", "workload")
    server.requests.clear()
    yield client
    server.access.restore()
    client.delete(Namespace, "m")


def run(charm: type[Charm] = Charm, leader: bool = True, **config: Any) -> ops.StatusBase:
    state = testing.State(leader=leader, config=config, model=testing.Model("m"))
    ctx = testing.Context(charm, META, config=OPTIONS, app_name="kv")
    return ctx.run(ctx.on.config_changed(), state).unit_status


def resources(client: Client) -> dict[str, dict[str, str]]:
    spec = pod_template(client, "m", "kv").spec
    assert spec
    [workload] = [container for container in spec.containers if container.name == "workload"]
    return {
        section: values
        for section, values in (workload.resources.to_dict() if workload.resources else {}).items()
        if values
    }


def writes(server: KubernetesServer) -> list[str]:
    return [request.method for request in server.requests if request.method != "GET"]


def test_requests_and_limits_are_set_on_the_container(client: Client):
    assert run(cpu_limit="1", memory_limit="1Gi") == ops.ActiveStatus()
    assert resources(client) == {"requests": REQUESTS, "limits": {"cpu": "1", "memory": "1Gi"}}


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({}, "requests 50m CPU, 100Mi memory, limits none"),
        (
            {"cpu_limit": "1", "memory_limit": "1Gi"},
            "requests 50m CPU, 100Mi memory, limits 1 CPU, 1Gi memory",
        ),
    ],
)
def test_what_is_set_is_logged_in_words(
    client: Client, caplog: pytest.LogCaptureFixture, limits: dict[str, str], words: str
):
    run(**limits)
    (record,) = [each for each in caplog.records if each.name == "coordinated_workers.kubernetes.resources"]
    assert record.getMessage() == f"workload now {words}"


def test_without_limits_only_requests_are_set(client: Client):
    run()
    assert resources(client) == {"requests": REQUESTS}


def test_a_limit_below_the_request_is_raised_to_it(client: Client):
    run(cpu_limit="10m")
    assert resources(client)["limits"] == {"cpu": "50m"}


def test_nothing_is_written_when_nothing_changed(client: Client, server: KubernetesServer):
    run(cpu_limit="0.5", memory_limit="1024Mi")
    server.requests.clear()
    run(cpu_limit="500m", memory_limit="1Gi")
    assert [request.method for request in server.requests] == ["GET"]


def test_a_limit_that_is_unset_goes(client: Client, server: KubernetesServer):
    run(cpu_limit="1", memory_limit="1Gi")
    run(memory_limit="1Gi")
    assert resources(client)["limits"] == {"memory": "1Gi"}
    server.requests.clear()
    run(memory_limit="1Gi")
    assert writes(server) == []


def test_foreign_limit_stays(client: Client, server: KubernetesServer):
    constraint = {"name": "workload", "resources": {"limits": {"memory": "3Gi"}}}
    patch = {"spec": {"template": {"spec": {"containers": [constraint]}}}}
    client.patch(StatefulSet, "kv", patch, patch_type=PatchType.STRATEGIC)
    run(cpu_limit="1")
    assert resources(client)["limits"] == {"cpu": "1", "memory": "3Gi"}
    server.requests.clear()
    run(cpu_limit="1")
    assert writes(server) == []


def test_configured_limit_overrides_a_foreign_one(client: Client):
    constraint = [{"name": "workload", "resources": {"limits": {"memory": "3Gi"}}}]
    spec = {"template": {"spec": {"containers": constraint}}}
    patch = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "kv"}, "spec": spec}
    client.patch(StatefulSet, "kv", patch, patch_type=PatchType.APPLY, field_manager="juju")
    assert run(memory_limit="1Gi") == ops.ActiveStatus()
    assert resources(client)["limits"] == {"memory": "1Gi"}


@pytest.mark.parametrize("option", ["cpu_limit", "memory_limit"])
def test_a_limit_that_is_none_is_refused_and_named_on_every_unit(
    client: Client, server: KubernetesServer, option: str
):
    for leader in (True, False):
        status = run(leader=leader, **{option: "plenty"})
        assert isinstance(status, ops.BlockedStatus)
        assert option in status.message
        assert "plenty" in status.message
    assert server.requests == []


def test_a_charm_can_call_its_options_by_other_names(client: Client):
    class Other(Charm):
        limit_options = {"memory_limit": "mem"}  # noqa: RUF012

    run(Other, mem="1Gi", memory_limit="2Gi", cpu_limit="1")
    assert resources(client)["limits"] == {"cpu": "1", "memory": "1Gi"}


def test_only_the_leader_asks_kubernetes(client: Client, server: KubernetesServer):
    assert run(leader=False, cpu_limit="1") == ops.ActiveStatus()
    assert server.requests == []


def test_missing_permission_is_shown(client: Client, server: KubernetesServer):
    server.access.deny(resources=["statefulsets"], verbs=["patch"])
    status = run(cpu_limit="1")
    assert isinstance(status, ops.BlockedStatus)
    assert "juju trust kv --scope=cluster" in status.message


def test_a_container_that_the_pods_have_not_is_named(client: Client, server: KubernetesServer):
    class Wrong(Charm):
        container = "other"

    status = run(Wrong)
    assert isinstance(status, ops.BlockedStatus)
    assert "other" in status.message
    assert writes(server) == []


def test_kubernetes_out_of_reach_is_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with KubernetesServer() as gone:
        monkeypatch.setenv("KUBECONFIG", str(gone.write_kubeconfig(tmp_path / "gone")))
    assert isinstance(run(cpu_limit="1"), ops.WaitingStatus)
