"""The labels of the beacon's own pods and Service, which put them in the mesh."""

from collections.abc import Mapping
from dataclasses import dataclass

from charmlibs.interfaces.service_mesh import WAYPOINT_LABELS, label_configmap_name_template
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
from model_objects import ModelObjects
from steps import StepPlan, StepResult


@dataclass(frozen=True)
class OwnLabelsStep:
    """The labels of the beacon's own pods and Service, as a step."""

    owner: Owner
    labels: Mapping[str, str]
    """The labels that they should have; none to remove all."""
    deadline: Deadline
    """The end of the hook's time for waiting."""

    def plan(self, model: ModelObjects) -> "OwnLabelsPlan":
        """Plan the labels."""
        app = self.owner.app
        record = _record(model, self.owner)
        live = read_charm_labels(
            model.client, app, record, must_exist=bool(self.labels), service=model.service(app)
        )
        # All of its own policies are on pods.
        changes = plan_charm_labels(live, self.labels, not_on_service=WAYPOINT_LABELS)
        return OwnLabelsPlan(changes, self.deadline)


@dataclass(frozen=True)
class OwnLabelsPlan(StepPlan):
    """The labels to write."""

    labels: LabelChanges
    deadline: Deadline

    @property
    def changes(self) -> list[Change]:
        """The objects to write."""
        return self.labels.shown

    def apply(self, model: ModelObjects) -> StepResult:
        """Write the labels."""
        apply_charm_labels(model.client, self.labels, self.deadline)
        if self.changes:
            model.forget()
        return StepResult(changed=bool(self.changes))


@dataclass(frozen=True)
class OwnRecordStep:
    """The removal of the record of the beacon's own labels, if it has no owner in Kubernetes."""

    owner: Owner

    def plan(self, model: ModelObjects) -> "OwnRecordPlan":
        """Look for the record."""
        return OwnRecordPlan(_record(model, self.owner))


@dataclass(frozen=True)
class OwnRecordPlan(StepPlan):
    """The record to delete."""

    record: LabelRecord

    @property
    def changes(self) -> list[Change]:
        """The objects to write."""
        ref = ObjectRef("ConfigMap", self.record.namespace, self.record.name)
        # One with an owner goes with the application, and stays where it is scaled to nothing for a while.
        return [Change("delete", ref)] if self.record.exists and not self.record.owners else []

    def apply(self, model: ModelObjects) -> StepResult:
        """Delete the record."""
        from lightkube.resources.core_v1 import ConfigMap

        for change in self.changes:
            model.client.delete(ConfigMap, change.ref.name, namespace=change.ref.namespace)
        return StepResult()


def _record(model: ModelObjects, owner: Owner) -> LabelRecord:
    name = label_configmap_name_template.format(app_name=owner.app)
    return LabelRecord.read(model.client, name, owner.model)
