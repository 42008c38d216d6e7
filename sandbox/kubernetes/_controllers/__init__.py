"""Those who answer to the objects of a cluster: what Kubernetes' own controllers and istiod would do."""

from .._store import ObjectStore
from ._base import KubernetesController
from ._cluster import DeploymentController, GarbageCollector, NamespaceController
from ._policies import PolicyStatusController
from ._stateful_sets import StatefulSetController
from ._waypoints import WaypointController


class Controllers:
    """The controllers of a cluster, all running at first. `stop()` one to see what happens without it."""

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
        """Have all of them run, whoever was stopped."""
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
