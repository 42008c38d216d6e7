"""The controllers of a cluster: those of Kubernetes itself, and those of istiod."""

from .._store import ObjectStore
from ._base import KubernetesController
from ._cluster import DeploymentController, GarbageCollector, NamespaceController
from ._policies import PolicyStatusController
from ._stateful_sets import StatefulSetController
from ._waypoints import WaypointController


class Controllers:
    """The controllers of a cluster, all running at first. `stop()` one to test without it."""

    def __init__(self, store: ObjectStore):
        self.namespaces = NamespaceController(store)
        """Empties namespaces that are deleted."""
        self.garbage = GarbageCollector(store)
        """Deletes what belonged to a deleted owner."""
        self.stateful_sets = StatefulSetController(store)
        """Makes the pods of StatefulSets, and replaces them when their template changes."""
        self.deployments = DeploymentController(store)
        """Reports that the pods of a Deployment are ready."""
        self.waypoints = WaypointController(store)
        """Deploys waypoints, and reports on their Gateways that they are ready."""
        self.policies = PolicyStatusController(store)
        """Reports on each AuthorizationPolicy whether it is enforced."""

    def start(self) -> None:
        """Start all controllers that were stopped."""
        for controller in vars(self).values():
            controller.start()


__all__ = [
    "Controllers",
    "DeploymentController",
    "GarbageCollector",
    "KubernetesController",
    "NamespaceController",
    "PolicyStatusController",
    "StatefulSetController",
    "WaypointController",
]
