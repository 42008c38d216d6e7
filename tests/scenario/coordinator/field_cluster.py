"""A cluster as the relations of its coordinator show it."""

import dataclasses
import functools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ops
from lightkube import Client
from ops import testing

from sandbox.kubernetes import KubernetesServer
from tests.scenario.coordinator import field_coordinator

MODEL = testing.Model("m", uuid="7c1b1f4e-0a3c-4c55-9a5e-0d6c6a0f1a11")
APP = "field"
CONTAINERS = ("nginx", "nginx-prometheus-exporter")
HOST = f"{APP}-0.{APP}-endpoints.m.svc.cluster.local"
SERVICE = f"{APP}.m.svc.cluster.local"
MESH_LABELS = {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "w"}


@dataclass
class Cluster:
    """Runs a coordinator with these relations, and keeps their state."""

    server: KubernetesServer
    client: Client
    files: Path
    """Has the `/etc` of each container, by the container's name, and what else outlasts a hook."""
    charm: type[ops.CharmBase] = field_coordinator.FieldCoordinator
    app: str = APP

    @functools.cached_property
    def context(self) -> testing.Context[ops.CharmBase]:
        return testing.Context(
            self.charm,
            meta=field_coordinator.METADATA,
            config=field_coordinator.CONFIG,
            actions=field_coordinator.ACTIONS,
            app_name=self.app,
        )

    def run(
        self,
        *relations: testing.RelationBase,
        event: str = "update_status",
        state: testing.State | None = None,
        **kwargs: Any,
    ) -> testing.State:
        """Run an update-status, or the event of that name, with these relations."""
        state = state or self.state(*relations, **kwargs)
        return self.context.run(getattr(self.context.on, event)(), state)

    def state(self, *relations: testing.RelationBase, **kwargs: Any) -> testing.State:
        kwargs = {"leader": True, "containers": self.containers(), "model": MODEL, **kwargs}
        return testing.State(relations=relations, **kwargs)

    def containers(self) -> list[testing.Container]:
        """nginx and its exporter, up, with files that outlast a hook."""
        found: list[testing.Container] = []
        for name in CONTAINERS:
            places = {"/etc": self.files / name, "/usr/local/share": self.files / f"{name}-share"}
            for folder in places.values():
                folder.mkdir(exist_ok=True)
            mounts = {
                str(number): testing.Mount(location=place, source=folder)
                for number, (place, folder) in enumerate(places.items())
            }
            found.append(container(name, mounts=mounts))
        return found

    def requests(self, verbs: Iterable[str] = ("GET", "POST", "PUT", "PATCH", "DELETE")) -> list[str]:
        return [f"{one.method} {one.path}" for one in self.server.requests if one.method in set(verbs)]


def container(name: str, **kwargs: Any) -> testing.Container:
    """A container with the programs that the charm runs in it."""
    execs = {
        testing.Exec(["nginx", "-s", "reload"]),
        testing.Exec(["update-ca-certificates", "--fresh"]),
    }
    return testing.Container(name, execs=execs, **{"can_connect": True, **kwargs})


def workers(
    app: str = "worker",
    role: str = "all",
    units: int = 1,
    ids: Iterable[int] | None = None,
    endpoint: str = "field-cluster",
    **kwargs: Any,
) -> testing.Relation:
    """A worker application whose units have published their names and addresses."""
    return testing.Relation(
        endpoint,
        remote_app_name=app,
        remote_app_data={"role": json.dumps(role)},
        remote_units_data={unit: worker_unit(app, unit) for unit in (ids or range(units))},
        **kwargs,
    )


def worker_unit(app: str, unit: int) -> dict[str, str]:
    topology = {"application": app, "unit": f"{app}/{unit}", "charm_name": "field-worker-k8s"}
    return {"juju_topology": json.dumps(topology), "address": json.dumps(address(app, unit))}


def address(app: str, unit: int) -> str:
    return f"{app}-{unit}.{app}-endpoints.m.svc.cluster.local"


def store(**sent: str) -> testing.Relation:
    """An object store that has a bucket for the coordinator."""
    sent = {
        "endpoint": "http://minio:9000",
        "bucket": "field",
        "access-key": "key",
        "secret-key": "hush",
        **{key.replace("_", "-"): value for key, value in sent.items()},
    }
    return testing.Relation("s3", remote_app_name="minio", remote_app_data=sent)


def loki(units: int = 1) -> testing.Relation:
    sent = {
        unit: {
            "endpoint": json.dumps({"url": f"http://loki-{unit}.loki-endpoints.cos:3100/loki/api/v1/push"})
        }
        for unit in range(units)
    }
    return testing.Relation("logging", remote_app_name="loki", remote_units_data=sent)


def tracing(endpoint: str) -> testing.Relation:
    receivers = [
        {"protocol": {"name": "otlp_http", "type": "http"}, "url": "http://tempo.cos:4318"},
        {"protocol": {"name": "otlp_grpc", "type": "grpc"}, "url": "tempo.cos:4317"},
    ]
    return testing.Relation(
        endpoint, remote_app_name="tempo", remote_app_data={"receivers": json.dumps(receivers)}
    )


def mesh(**sent: str) -> testing.Relation:
    """A beacon whose mesh the coordinator has joined."""
    sent = {"labels": json.dumps(MESH_LABELS), "mesh_type": '"istio"', **sent}
    return testing.Relation("service-mesh", remote_app_name="beacon", remote_app_data=sent)


def published(state: testing.State, relation: testing.Relation) -> dict[str, Any]:
    """Return the coordinator's databag, read as JSON."""
    return {key: json.loads(value) for key, value in local(state, relation).local_app_data.items()}


def local(state: testing.State, relation: testing.Relation) -> testing.Relation:
    found = state.get_relation(relation.id)
    assert isinstance(found, testing.Relation)
    return found


def again(state: testing.State, **changes: Any) -> testing.State:
    return dataclasses.replace(state, **changes)
