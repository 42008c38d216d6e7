"""A worker charm with a Kubernetes API beside it."""

import json
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ops
import pytest
from lightkube import Client, KubeConfig
from ops import testing

from sandbox.kubernetes import KubernetesServer
from tests.scenario.worker.store_charm import ACTIONS, CONFIG, META, StoreCharm
from tests.support.juju_application import create_application

FQDN = "store-0.store-endpoints.m.svc.cluster.local"
MODEL = testing.Model("m", uuid="7c1b1f4e-0a3c-4c55-9a5e-0d6c6a0f1a11")


@pytest.fixture(autouse=True)
def client(kubernetes: KubernetesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    """The Kubernetes of the model with the application in it, whose charm finds it as user `store`."""
    monkeypatch.setenv("KUBECONFIG", str(kubernetes.write_kubeconfig(tmp_path / "charm", user="store")))
    monkeypatch.setattr(socket, "getfqdn", lambda name="": name or FQDN)
    kubeconfig = kubernetes.write_kubeconfig(tmp_path / "admin")
    client = Client(KubeConfig.from_file(kubeconfig), namespace="m")
    create_application(client, "m", "store", "store")
    kubernetes.requests.clear()
    return client


@dataclass
class ContainerChanges:
    """The charm's changes to its container, in their order."""

    calls: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])

    def __call__(self, *verbs: str) -> list[tuple[Any, ...]]:
        return [call for call in self.calls if not verbs or call[0] in verbs]


@pytest.fixture
def container_changes(monkeypatch: pytest.MonkeyPatch) -> ContainerChanges:
    container_changes = ContainerChanges()
    for verb in ("start", "stop", "restart", "push", "remove_path", "add_layer", "exec"):
        original = getattr(ops.Container, verb)

        def record(
            container: ops.Container, *args: Any, _verb: str = verb, _original: Any = original, **kwargs: Any
        ) -> Any:
            container_changes.calls.append(
                (_verb, *(args if _verb in ("start", "stop", "restart", "exec") else args[:1]))
            )
            return _original(container, *args, **kwargs)

        monkeypatch.setattr(ops.Container, verb, record)
    return container_changes


class Store:
    """The application, whose charm runs one event after another.

    Args:
        disk: where the container's files are kept from event to event.
        charm: the charm's class.
    """

    def __init__(self, disk: Path, charm: type[StoreCharm] = StoreCharm):
        self.ctx = testing.Context(charm, META, config=CONFIG, actions=ACTIONS, app_name="store")
        self.state = testing.State()
        self._mounts: dict[str, testing.Mount] = {}
        for number, folder in enumerate(("/etc/worker", "/usr/local/share/ca-certificates")):
            source = disk / str(number)
            source.mkdir()
            self._mounts[str(number)] = testing.Mount(location=folder, source=source)

    def workload(self, *, can_connect: bool = True, **changes: Any) -> testing.Container:
        execs = {
            testing.Exec(["update-ca-certificates"]),
            testing.Exec(["/bin/store"], stdout="store, version 1.2.3 (branch: x)"),
        }
        defaults = {"execs": execs, "mounts": self._mounts}
        return testing.Container("store", can_connect=can_connect, **{**defaults, **changes})

    def deploy(self, relation: testing.Relation | None = None, **changes: Any) -> testing.State:
        """Run with everything that a worker needs, except for these changes."""
        needed = {
            "leader": True,
            "config": {"role-api": True},
            "relations": [relation or cluster(worker_config="a: 1")],
            "containers": [self.workload()],
        }
        return self.run(**{**needed, **changes})

    def run(self, event: Any = None, **changes: Any) -> testing.State:
        """Run an event on the state as it is, with these changes."""
        state = {
            "leader": self.state.leader,
            "config": self.state.config,
            "relations": self.state.relations,
            "containers": self.state.containers,
            "secrets": self.state.secrets,
            "model": MODEL,
            "opened_ports": self.state.opened_ports,
            **changes,
        }
        self.state = self.ctx.run(event or self.ctx.on.update_status(), testing.State(**state))
        return self.state

    @property
    def status(self) -> ops.StatusBase:
        return self.state.unit_status

    @property
    def container(self) -> testing.Container:
        return self.state.get_container("store")

    def path(self, path: str) -> Path:
        """Return the path on this machine of a container's file."""
        [folder] = [mount for mount in self._mounts.values() if path.startswith(str(mount.location))]
        return Path(folder.source) / Path(path).name

    def file(self, path: str) -> str | None:
        file = self.path(path)
        return file.read_text() if file.exists() else None

    @property
    def relation(self) -> testing.Relation:
        [relation] = self.state.get_relations("store-cluster")
        assert isinstance(relation, testing.Relation)
        return relation

    @property
    def services(self) -> dict[str, str]:
        return {name: status.value for name, status in self.container.service_statuses.items()}


def cluster(**offer: Any) -> testing.Relation:
    return testing.Relation(
        "store-cluster",
        remote_app_name="kv",
        remote_app_data={key: json.dumps(value) for key, value in offer.items()},
    )


def changed(relation: testing.Relation, **offer: Any) -> testing.Relation:
    """Return the relation with these data of the coordinator; None removes a key."""
    data = {**relation.remote_app_data, **{key: json.dumps(value) for key, value in offer.items()}}
    return testing.Relation(
        relation.endpoint,
        id=relation.id,
        remote_app_name=relation.remote_app_name,
        remote_app_data={key: value for key, value in data.items() if value != "null"},
        local_app_data=relation.local_app_data,
        local_unit_data=relation.local_unit_data,
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)
