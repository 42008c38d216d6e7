"""The labels of the beacon's own pods and Service, which put them in the mesh."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from charmlibs.interfaces.service_mesh import WAYPOINT_LABELS
from k8s_charm import (
    Change,
    Deadline,
    LabelChanges,
    LabelRecord,
    ObjectRef,
    Owner,
    apply_charm_labels,
    plan_charm_labels,
    read_charm_labels,
)
from steps import StepResult

if TYPE_CHECKING:
    from lightkube import Client


@dataclass(frozen=True)
class OwnLabelsStep:
    """The labels of the beacon's own pods and Service, as a step."""

    owner: Owner
    labels: Mapping[str, str]
    """The labels that they should have; none to remove all."""
    deadline: Deadline
    """The end of the hook's time for waiting."""

    def plan(self, client: "Client") -> "OwnLabelsPlan":
        """Plan the labels.

        Raises:
            lightkube.ApiError: if Kubernetes rejects a request.
        """
        record = LabelRecord.read(client, f"juju-service-mesh-{self.owner.app}-labels", self.owner.model)
        live = read_charm_labels(client, self.owner.app, record, must_exist=bool(self.labels))
        # All of its own policies are on pods.
        changes = plan_charm_labels(live, self.labels, not_on_service=WAYPOINT_LABELS)
        return OwnLabelsPlan(changes, self.deadline)


@dataclass(frozen=True)
class OwnRecordStep:
    """The removal of the record of the beacon's own labels, if it has no owner in Kubernetes."""

    owner: Owner

    def plan(self, client: "Client") -> "OwnRecordPlan":
        """Look for the record.

        Raises:
            lightkube.ApiError: if Kubernetes rejects a request.
        """
        record = LabelRecord.read(client, f"juju-service-mesh-{self.owner.app}-labels", self.owner.model)
        return OwnRecordPlan(record)


@dataclass(frozen=True)
class OwnRecordPlan:
    """The record to delete."""

    record: LabelRecord
    access_changes: tuple[str, ...] = ()
    is_complete: bool = True

    @property
    def changes(self) -> list[Change]:
        """The objects to write."""
        ref = ObjectRef("ConfigMap", self.record.namespace, self.record.name)
        # One with an owner goes with the application, and stays where it is scaled to nothing for a while.
        return [Change("delete", ref)] if self.record.exists and not self.record.owners else []

    def expect(self, _: "Client") -> StepResult:
        """Return the result if each write succeeds."""
        return StepResult()

    def apply(self, client: "Client") -> StepResult:
        """Delete the record.

        Raises:
            lightkube.ApiError: if Kubernetes rejects a request.
        """
        from lightkube.resources.core_v1 import ConfigMap

        for change in self.changes:
            client.delete(ConfigMap, change.ref.name, namespace=change.ref.namespace)
        return StepResult()


@dataclass(frozen=True)
class OwnLabelsPlan:
    """The labels to write."""

    labels: LabelChanges
    deadline: Deadline
    access_changes: tuple[str, ...] = ()
    is_complete: bool = True

    @property
    def changes(self) -> list[Change]:
        """The objects to write."""
        return self.labels.shown

    def expect(self, _: "Client") -> StepResult:
        """Return the result if each write succeeds."""
        return StepResult()

    def apply(self, client: "Client") -> StepResult:
        """Write the labels.

        Raises:
            lightkube.ApiError: if Kubernetes rejects a request.
        """
        apply_charm_labels(client, self.labels, self.deadline)
        return StepResult(changed=bool(self.changes))
