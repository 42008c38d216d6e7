"""The whole model in the mesh, by labels on its namespace."""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from istio_policies import APPLICATION_LABEL
from k8s_charm import Change, Json, Resource, label_value, labels_of, manifest, metadata, reference, subtree
from model_objects import USE_WAYPOINT, ModelObjects
from steps import StepPlan, StepResult

logger = logging.getLogger(__name__)

MANAGED_BY = "charms.canonical.com/istio.io.waypoint.managed-by"
_DATAPLANE_MODE = "istio.io/dataplane-mode"
_CLUSTER_LABEL = "app.kubernetes.io/part-of"


class NamespaceTakenError(Exception):
    """The namespace is in a mesh that another owner manages."""


@dataclass(frozen=True)
class NamespaceStep:
    """The labels of the model's namespace, as a step."""

    beacon: str
    """The value of the label `managed-by`, unique to this beacon."""
    mesh_labels: Mapping[str, str]
    """The labels that put a namespace in the mesh, behind the beacon's waypoint."""
    on_mesh: bool
    members: Collection[str] = ()
    """The applications whose pods stay in the mesh; it leaves once these have labels of their own."""

    def plan(self, model: ModelObjects) -> "NamespacePlan":
        """Plan the labels.

        Raises:
            NamespaceTakenError: if the namespace should be in the mesh, and has another owner there.
            lightkube.ApiError: if Kubernetes rejects a request.
        """
        namespace = model.namespace
        labels = labels_of(namespace)
        if self.on_mesh:
            return NamespacePlan(namespace, self._join(model.name, labels))
        left = self._leave(labels)
        stays_for = sorted(set(self._unlabelled(model))) if left and self.members else []
        return NamespacePlan(namespace, {} if stays_for else left, stays_for)

    def _join(self, name: str, labels: Mapping[str, str]) -> dict[str, str | None]:
        desired = {**self.mesh_labels, MANAGED_BY: self.beacon}
        if not self._is_ours(labels) and (taken := sorted(desired.keys() & labels.keys())):
            raise NamespaceTakenError(_owner(name, labels, taken[0]))
        return {key: value for key, value in desired.items() if labels.get(key) != value}

    def _leave(self, labels: Mapping[str, str]) -> dict[str, str | None]:
        if not self._is_ours(labels):
            return {}
        ours = {**self.mesh_labels, MANAGED_BY: labels.get(MANAGED_BY)}
        return {key: None for key, value in ours.items() if key in labels and labels[key] == value}

    def _unlabelled(self, model: ModelObjects) -> Iterator[str]:
        """Yield the members with running pods that are in the mesh by the labels of the namespace only.

        Pods of a member's cluster get labels from it, without a relation to the beacon.
        """
        clusters = set(map(label_value, self.members))
        for pod in model.pods:
            labels = labels_of(pod)
            runs = subtree(manifest(pod), "status").get("phase") == "Running"
            app = labels.get(APPLICATION_LABEL)
            is_member = app in self.members or labels.get(_CLUSTER_LABEL) in clusters
            if app and is_member and runs and _DATAPLANE_MODE not in labels:
                yield app

    def _is_ours(self, labels: Mapping[str, str]) -> bool:
        """Return whether this beacon, or an older revision of it, labelled the namespace."""
        waypoint = self.mesh_labels[USE_WAYPOINT]
        return labels.get(MANAGED_BY) == self.beacon or labels.get(USE_WAYPOINT) == waypoint


def _owner(namespace: str, labels: Mapping[str, str], taken: str) -> str:
    if owner := labels.get(MANAGED_BY):
        return f"beacon {owner} has this model on the mesh: set model-on-mesh=false here or there"
    return f"namespace {namespace} has a label {taken} of another owner: remove the label"


@dataclass(frozen=True)
class NamespacePlan(StepPlan):
    """The labels of a namespace to write; None removes one."""

    namespace: Resource
    """The namespace as it was read."""
    labels: Mapping[str, str | None]
    stays_for: Sequence[str] = ()
    """The applications for whose pods it stays in the mesh."""

    @property
    def changes(self) -> list[Change]:
        """The namespace, if it changes."""
        return [Change("change", reference(self.namespace))] if self.labels else []

    def expect(self, _: ModelObjects) -> StepResult:
        """Return the result if the write succeeds."""
        return StepResult(stays_for=self.stays_for)

    def apply(self, model: ModelObjects) -> StepResult:
        """Write the labels."""
        from lightkube.resources.core_v1 import Namespace

        if not self.labels:
            return StepResult(stays_for=self.stays_for)
        # With the version that was read, Kubernetes rejects a second beacon that writes at the same time.
        version = metadata(self.namespace)["resourceVersion"]
        patch: Json = {"metadata": {"resourceVersion": version, "labels": self.labels}}
        model.namespace = model.client.patch(Namespace, model.name, patch)
        joins = any(self.labels.values())
        logger.info("namespace %s %s the mesh", model.name, "joins" if joins else "leaves")
        return StepResult(changed=True, stays_for=())
