"""The scenes of each charm's rehearsal."""

import json
from dataclasses import dataclass, field

from ._trial import RelationData, TrialEvent

MODEL = "trial"


@dataclass(frozen=True)
class Scene:
    """The state that a charm finds, and its expected reaction."""

    relation: RelationData
    writes: frozenset[str] = frozenset()
    """The keys that it has to write into databags."""
    creates: frozenset[str] = frozenset()
    """The kinds of objects that there have to be in Kubernetes."""
    peers: str = ""
    """Its peer relation, if it has one."""
    config: dict[str, str | int | float | bool] = field(default_factory=dict[str, str | int | float | bool])
    """What is configured besides the defaults."""

    def relations(self, app: str) -> list[RelationData]:
        """All relations."""
        peers = [RelationData(1, self.peers, app, [], {})] if self.peers else []
        return [*peers, self.relation]

    @property
    def events(self) -> list[TrialEvent]:
        """The events, in this order."""
        endpoint = self.relation.endpoint
        return [
            TrialEvent("install"),
            TrialEvent("config-changed"),
            *(TrialEvent(f"{endpoint}-relation-{what}", self.relation) for what in ("created", "changed")),
        ]


def _related(endpoint: str, app: str, data: dict[str, object], unit: dict[str, object]) -> RelationData:
    bags = {app: data, f"{app}/0": unit}
    encoded = {whose: {key: json.dumps(value) for key, value in bag.items()} for whose, bag in bags.items()}
    return RelationData(2, endpoint, app, [f"{app}/0"], encoded)


_POLICY: dict[str, object] = {
    "source_namespace": MODEL,
    "source_app_name": "shop",
    "target_namespace": MODEL,
    "target_app_name": "catalogue",
    "target_type": "app",
    "endpoints": [{"hosts": None, "ports": [8080], "methods": ["GET"], "paths": ["/items"]}],
}
_WORKER: dict[str, object] = {
    "juju_topology": {"application": "worker", "unit": "worker/0", "charm_name": "demo-worker-k8s"},
    "address": f"worker-0.worker-endpoints.{MODEL}.svc.cluster.local",
}

SCENES = {
    "istio-beacon-k8s": Scene(
        _related("service-mesh", "catalogue", {"policies": [_POLICY]}, {}),
        writes=frozenset({"labels", "mesh_type"}),
        creates=frozenset({"AuthorizationPolicy", "Gateway"}),
        peers="peers",
    ),
    "demo-coordinator-k8s": Scene(
        _related("demo-cluster", "worker", {"role": "all"}, _WORKER),
        writes=frozenset({"worker_config", "worker_ports"}),
        peers="peers",
    ),
    "demo-worker-k8s": Scene(
        _related("demo-cluster", "coordinator", {"worker_config": "stores: []", "worker_ports": [8080]}, {}),
        writes=frozenset({"role", "address", "juju_topology"}),
        config={"role-all": True},
    ),
    "mesh-tester-k8s": Scene(
        _related("service-mesh", "beacon", {"labels": {"istio.io/dataplane-mode": "ambient"}}, {}),
        writes=frozenset({"policies"}),
    ),
}
"""By the name of the charm."""
