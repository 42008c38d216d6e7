"""Kubernetes objects that a charm owns: list them, plan the changes, and apply these.

Importing this does not import lightkube; the first request does.
"""

from ._apply import apply
from ._client import Client, kubernetes_client, kubernetes_code, kubernetes_errors
from ._deadline import Deadline
from ._label_record import LabelRecord
from ._labels import (
    LabelChanges,
    apply_charm_labels,
    plan_charm_labels,
    read_charm_labels,
    reconcile_charm_labels,
)
from ._live import Live, list_objects, list_owned
from ._objects import (
    Json,
    ObjectRef,
    Resource,
    annotations,
    is_namespace_name,
    labels_of,
    manifest,
    metadata,
    reference,
    sublist,
    subtree,
)
from ._owner import OWNER, Owner, label_value
from ._plan import Change, Changes, plan
from ._pod_template import PodTemplate, TemplateChange
from ._result import Failure, ReconcileResult
from ._scale_down import ScaleDown, planned_units
from ._services import ModelNamespace, find_application
from ._startup import Startup
from ._verbs import attempt, get_object, is_transient, kubernetes_problem

__all__ = [
    "OWNER",
    "Change",
    "Changes",
    "Client",
    "Deadline",
    "Failure",
    "Json",
    "LabelChanges",
    "LabelRecord",
    "Live",
    "ModelNamespace",
    "ObjectRef",
    "Owner",
    "PodTemplate",
    "ReconcileResult",
    "Resource",
    "ScaleDown",
    "Startup",
    "TemplateChange",
    "annotations",
    "apply",
    "apply_charm_labels",
    "attempt",
    "find_application",
    "get_object",
    "is_namespace_name",
    "is_transient",
    "kubernetes_client",
    "kubernetes_code",
    "kubernetes_errors",
    "kubernetes_problem",
    "label_value",
    "labels_of",
    "list_objects",
    "list_owned",
    "manifest",
    "metadata",
    "plan",
    "plan_charm_labels",
    "planned_units",
    "read_charm_labels",
    "reconcile_charm_labels",
    "reference",
    "sublist",
    "subtree",
]
