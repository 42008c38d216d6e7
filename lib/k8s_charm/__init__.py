"""Kubernetes objects that a charm owns: listed once, compared, and written where they differ.

Importing this does not import lightkube; the first request does.
"""

from ._client import is_transient_code, kubernetes_client, kubernetes_code, kubernetes_errors
from ._deadline import Deadline
from ._labels import reconcile_charm_labels
from ._look import look
from ._objects import Json, ObjectRef, Resource, annotations, manifest, metadata, reference
from ._owner import OWNER, Owner, label_value
from ._reconcile import reconcile
from ._result import Failure, ReconcileResult
from ._scale_down import ScaleDown
from ._text import one_line, quoted, shown_name
from ._verbs import is_transient, kubernetes_problem

__all__ = [
    "OWNER",
    "Deadline",
    "Failure",
    "Json",
    "ObjectRef",
    "Owner",
    "ReconcileResult",
    "Resource",
    "ScaleDown",
    "annotations",
    "is_transient",
    "is_transient_code",
    "kubernetes_client",
    "kubernetes_code",
    "kubernetes_errors",
    "kubernetes_problem",
    "label_value",
    "look",
    "manifest",
    "metadata",
    "one_line",
    "quoted",
    "reconcile",
    "reconcile_charm_labels",
    "reference",
    "shown_name",
]
