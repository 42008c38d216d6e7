"""The labels of the beacon's own pods and Service, which put them in the mesh."""

from collections.abc import Mapping
from dataclasses import dataclass

from charmlibs.interfaces.service_mesh import WAYPOINT_LABELS, label_configmap_name_template
from k8s_charm import (
    Change,
    LabelChanges,
    LabelRecord,
    ObjectRef,
    apply_charm_labels,
    plan_charm_labels,
    read_charm_labels,
)
from model_objects import ModelObjects
from steps import StepPlan, StepResult


def plan_own_labels(labels: Mapping[str, str], model: ModelObjects) -> "OwnLabelsPlan":
    """Plan the labels of the beacon's own pods and Service; none are left if there are no `labels`."""
    app = model.owner.app
    live = read_charm_labels(
        model.client, app, _record(model), must_exist=bool(labels), service=model.service(app)
    )
    # All of its own policies are on pods.
    return OwnLabelsPlan(
        plan_charm_labels(live, labels, not_on_service=WAYPOINT_LABELS, pods=model.pods_if_listed)
    )


@dataclass(frozen=True)
class OwnLabelsPlan(StepPlan):
    """The labels to write."""

    labels: LabelChanges

    @property
    def changes(self) -> list[Change]:
        """The objects to write."""
        return self.labels.shown

    def apply(self, model: ModelObjects) -> StepResult:
        """Write the labels."""
        apply_charm_labels(model.client, self.labels, model.deadline)
        if self.changes:
            model.forget()
        return StepResult(changed=bool(self.changes))


def plan_without_record(model: ModelObjects) -> "OwnRecordPlan":
    """Plan the removal of the record of the beacon's own labels, if it has no owner in Kubernetes."""
    return OwnRecordPlan(_record(model))


@dataclass(frozen=True)
class OwnRecordPlan(StepPlan):
    """The record to delete."""

    record: LabelRecord

    @property
    def changes(self) -> list[Change]:
        """The objects to write."""
        ref = ObjectRef("ConfigMap", self.record.namespace, self.record.name)
        # One with an owner is deleted with the application, and kept while that is scaled to 0.
        return [Change("delete", ref)] if self.record.exists and not self.record.owners else []

    def apply(self, model: ModelObjects) -> StepResult:
        """Delete the record."""
        from lightkube.resources.core_v1 import ConfigMap

        for change in self.changes:
            model.client.delete(ConfigMap, change.ref.name, namespace=change.ref.namespace)
        return StepResult()


def _record(model: ModelObjects) -> LabelRecord:
    name = label_configmap_name_template.format(app_name=model.owner.app)
    return LabelRecord.read(model.client, name, model.name)
