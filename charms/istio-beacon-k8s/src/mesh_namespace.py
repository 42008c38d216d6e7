"""The whole model in the mesh, by labels on its namespace."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from k8s_charm import manifest

if TYPE_CHECKING:
    from lightkube import Client

MANAGED_BY = "charms.canonical.com/istio.io.waypoint.managed-by"
_USE_WAYPOINT = "istio.io/use-waypoint"


class NamespaceTakenError(Exception):
    """Somebody else has put the namespace in a mesh."""


@dataclass(frozen=True)
class MeshNamespace:
    """A model's namespace, as one beacon of the model may label it."""

    name: str
    beacon: str
    """What no other beacon is called: the value of the label `managed-by`."""
    mesh_labels: Mapping[str, str]
    """What puts a namespace in the mesh, behind the beacon's waypoint."""

    def reconcile(self, client: "Client", *, on_mesh: bool) -> bool:
        """Put the namespace in the mesh, or take away what this beacon has put there.

        Returns:
            Whether that took a change.

        Raises:
            NamespaceTakenError: if it is to be in the mesh, and somebody else has seen to that already.
            lightkube.ApiError: if Kubernetes refuses.
        """
        from lightkube.resources.core_v1 import Namespace

        metadata = manifest(client.get(Namespace, self.name))["metadata"]
        labels: dict[str, str] = metadata.get("labels") or {}
        change = self._join(labels) if on_mesh else self._leave(labels)
        if not change:
            return False
        # With the version that was read, a second beacon that writes at the same time is refused.
        version = {"resourceVersion": metadata["resourceVersion"]}
        client.patch(Namespace, self.name, {"metadata": {**version, "labels": change}})
        return True

    def _join(self, labels: Mapping[str, str]) -> dict[str, str | None]:
        wanted = {**self.mesh_labels, MANAGED_BY: self.beacon}
        if not self._is_ours(labels) and (taken := sorted(wanted.keys() & labels.keys())):
            raise NamespaceTakenError(self._whose(labels, taken))
        return {key: value for key, value in wanted.items() if labels.get(key) != value}

    def _leave(self, labels: Mapping[str, str]) -> dict[str, str | None]:
        if not self._is_ours(labels):
            return {}
        ours = {**self.mesh_labels, MANAGED_BY: labels.get(MANAGED_BY)}
        return {key: None for key, value in ours.items() if key in labels and labels[key] == value}

    def _is_ours(self, labels: Mapping[str, str]) -> bool:
        """Whether this beacon, or an older revision of it, labelled the namespace."""
        waypoint = self.mesh_labels[_USE_WAYPOINT]
        return labels.get(MANAGED_BY) == self.beacon or labels.get(_USE_WAYPOINT) == waypoint

    def _whose(self, labels: Mapping[str, str], taken: list[str]) -> str:
        if owner := labels.get(MANAGED_BY):
            return f"beacon {owner} has this model on the mesh: set model-on-mesh=false here or there"
        return f"namespace {self.name} has a label {taken[0]} of somebody else: remove that one"
