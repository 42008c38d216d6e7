"""The project's charms, each with two variants of its desired state, between which hooks change it."""

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import ops
from lightkube import Client, KubeConfig, codecs
from ops import testing

from charmlibs.interfaces.service_mesh import Endpoint, MeshPolicy, ServiceMeshConsumer
from tests.support.charms import load_charm

Variant = Literal["one", "other"]

MODEL = testing.Model("m", uuid="7c9e2a50-0000-4000-8000-000000000001")
VARIANTS: tuple[Variant, Variant] = ("one", "other")


@dataclass(frozen=True)
class World:
    """A charm, and the state of its model for each of two variants."""

    app: str
    containers: tuple[str, ...]
    """Of its pods."""
    load: Callable[[], type[ops.CharmBase]]
    state: Callable[[Variant], testing.State]
    role: str
    """The file that says what the charm may do in Kubernetes."""
    event: str = "update_status"
    """In whose hook the charm looks after everything."""
    actions: tuple[str, ...] = ()
    """All that it has."""
    meta: Mapping[str, object] | None = field(default=None, hash=False)

    def deploy(self, kubeconfig: Path) -> None:
        """Create the objects that Juju creates for the application and for its consumers."""
        client = Client(KubeConfig.from_file(kubeconfig), namespace=MODEL.name)
        _create(client, "v1", "Namespace", MODEL.name)
        labels = {"app.kubernetes.io/name": self.app}
        containers = [{"name": name, "image": "i"} for name in ("charm", *self.containers)]
        template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
        service = f"{self.app}-endpoints"
        spec = {"selector": {"matchLabels": labels}, "serviceName": service, "template": template}
        _create(client, "apps/v1", "StatefulSet", self.app, spec)
        _create(client, "v1", "Service", self.app, {"selector": labels, "ports": [{"port": 65535}]})
        for service, app in (("catalogue", "catalogue"), ("shelves", "catalogue"), ("orders", "orders")):
            front = {"selector": {"app.kubernetes.io/name": app}, "ports": [{"port": 80}]}
            _create(client, "v1", "Service", service, front, {"istio.io/use-waypoint": "m-beacon-waypoint"})

    def hook(self, variant: Variant, unit: int = 0, after: testing.State | None = None) -> testing.State:
        """Run a hook with this variant: the first one, or update-status after an earlier hook."""
        context, state = _context(self, unit), self.state(variant)
        if after is None:
            return context.run(getattr(context.on, self.event)(), state)
        remembers = dataclasses.replace(state, stored_states=after.stored_states)
        return context.run(context.on.update_status(), remembers)

    def act(self, variant: Variant) -> None:
        """Run all actions."""
        context = _context(self, 0)
        for name in self.actions:
            params = {"source": self.app, "target": self.app} if name == "explain" else {}
            context.run(context.on.action(name, params), self.state(variant))

    def end(self) -> testing.State:
        """Run the hook in which the charm removes its objects."""
        context = _context(self, 0)
        state = self.state("other")
        if self.app in ("beacon", "kv"):
            gone = dataclasses.replace(state, planned_units=0, leader=False)
            return context.run(context.on.remove(), gone)
        (relation,) = state.relations
        return context.run(context.on.relation_broken(relation), state)

    def __str__(self) -> str:
        return self.app


@functools.cache
def _context(world: World, unit: int) -> testing.Context[ops.CharmBase]:
    return testing.Context(world.load(), world.meta, app_name=world.app, unit_id=unit)


def _create(
    client: Client,
    api: str,
    kind: str,
    name: str,
    spec: Mapping[str, object] | None = None,
    labels: Mapping[str, str] | None = None,
) -> None:
    place = {} if kind == "Namespace" else {"namespace": MODEL.name}
    metadata = {"name": name, "labels": dict(labels or {}), **place}
    client.create(
        codecs.from_dict({"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec or {}})
    )


def _asks(app: str, *policies: MeshPolicy) -> testing.Relation:
    data = {"policies": json.dumps([policy.model_dump(mode="json") for policy in policies])}
    return testing.Relation("service-mesh", remote_app_name=app, remote_app_data=data)


def _allowing(source: str, target: str, *ports: int, service: str | None = None) -> MeshPolicy:
    return MeshPolicy(
        source_namespace=MODEL.name,
        source_app_name=source,
        target_namespace=MODEL.name,
        target_app_name=target,
        target_service=service,
        endpoints=[Endpoint(ports=[port]) for port in ports],
    )


def _beacon(variant: Variant) -> testing.State:
    catalogue = [_allowing("web", "catalogue", 80), _allowing("till", "catalogue", 80, service="shelves")]
    if variant == "one":
        params = [
            _asks(
                "catalogue", *catalogue, _allowing("old", "catalogue", 80), _allowing("web", "catalogue", 81)
            ),
            _asks("orders", _allowing("web", "orders", 80)),
        ]
    else:
        params = [
            _asks(
                "catalogue", *catalogue, _allowing("new", "catalogue", 80), _allowing("web", "catalogue", 82)
            ),
            _asks("orders", _allowing("web", "orders", 80, 81), _allowing("till", "orders")),
        ]
    return testing.State(
        leader=True,
        model=MODEL,
        config={"model-on-mesh": variant == "other"},
        planned_units=1 if variant == "one" else 3,
        containers={testing.Container("metrics-proxy", can_connect=True)},
        relations={testing.PeerRelation("peers"), *params},
    )


_MESH = {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint-namespace": MODEL.name}
_WAYPOINTS: dict[Variant, str] = {"one": "m-beacon-waypoint", "other": "m-beacon-2-waypoint"}


def _mesh_labels(variant: Variant) -> dict[str, str]:
    return {**_MESH, "istio.io/use-waypoint": _WAYPOINTS[variant]}


def _mesh(variant: Variant) -> testing.Relation:
    sent = {"labels": json.dumps(_mesh_labels(variant)), "mesh_type": '"istio"'}
    return testing.Relation("service-mesh", remote_app_name="beacon", remote_app_data=sent)


def _workers(app: str) -> testing.Relation:
    topology = {"application": app, "unit": f"{app}/0", "charm_name": "demo-worker-k8s"}
    address = f"{app}-0.{app}-endpoints.{MODEL.name}.svc.cluster.local"
    unit = {"juju_topology": json.dumps(topology), "address": json.dumps(address)}
    return testing.Relation(
        "demo-cluster",
        remote_app_name=app,
        remote_app_data={"role": '"all"'},
        remote_units_data={0: unit},
    )


def _coordinator(variant: Variant) -> testing.State:
    execs = {testing.Exec(["nginx", "-s", "reload"]), testing.Exec(["update-ca-certificates", "--fresh"])}
    running = ops.pebble.Layer({"services": {"nginx": {"override": "replace", "command": "nginx"}}})
    nginx = testing.Container(
        "nginx",
        can_connect=True,
        execs=execs,
        layers={"nginx": running},
        service_statuses={"nginx": ops.pebble.ServiceStatus.ACTIVE},
    )
    apps = ("worker", "old-reader") if variant == "one" else ("worker", "reader", "writer")
    return testing.State(
        leader=True,
        model=MODEL,
        config={"cpu-limit": "1" if variant == "one" else "2"},
        containers={
            nginx,
            testing.Container("nginx-prometheus-exporter", can_connect=True),
        },
        relations={testing.PeerRelation("peers"), _mesh(variant), *map(_workers, apps)},
    )


def _worker(variant: Variant) -> testing.State:
    config = {"port": 8080, "stores": [], "tls": None, "telemetry": {}}
    sent = {
        "worker_config": json.dumps(json.dumps(config)),
        "worker_ports": "[8080]",
        "ca_cert": '"CA"',
        "worker_labels": json.dumps({**_mesh_labels(variant), "app.kubernetes.io/part-of": "kv"}),
    }
    execs = {testing.Exec(["update-ca-certificates", "--fresh"])}
    return testing.State(
        leader=True,
        model=MODEL,
        config={"role-all": True, "cpu-limit": "1" if variant == "one" else "2"},
        containers={testing.Container("worker", can_connect=True, execs=execs)},
        relations={testing.Relation("demo-cluster", remote_app_name="kv", remote_app_data=sent)},
    )


class Consumer(ops.CharmBase):
    """A published charm that only joins the mesh."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.mesh = ServiceMeshConsumer(self)
        framework.observe(self.on.collect_unit_status, self._on_collect_unit_status)

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent) -> None:
        event.add_status(ops.ActiveStatus())


def _consumer(variant: Variant) -> testing.State:
    return testing.State(leader=True, model=MODEL, relations={_mesh(variant)})


_ABOUT_THE_MESH = ("list-policies", "explain", "export-policies", "mesh-graph")
BEACON = World(
    "beacon",
    (),
    lambda: load_charm("istio-beacon-k8s"),
    _beacon,
    "istio-beacon-k8s",
    actions=("plan", *_ABOUT_THE_MESH),
)
COORDINATOR = World(
    "kv",
    ("nginx", "nginx-prometheus-exporter"),
    lambda: load_charm("demo-coordinator-k8s"),
    _coordinator,
    "coordinator",
    actions=_ABOUT_THE_MESH,
)
WORKER = World("worker", ("worker",), lambda: load_charm("demo-worker-k8s"), _worker, "worker")
CONSUMER = World(
    "web",
    (),
    lambda: Consumer,
    _consumer,
    "consumer",
    "config_changed",
    meta={"name": "web", "requires": {"service-mesh": {"interface": "service_mesh", "limit": 1}}},
)
WORLDS = (BEACON, COORDINATOR, WORKER, CONSUMER)
