"""Whose an object is."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._objects import annotations, metadata

if TYPE_CHECKING:
    from ._objects import Resource

OWNER = "charms.canonical.com/mesh.owner"

_LABEL_VALUE_LENGTH = 63
_HASH_LENGTH = 10


@dataclass(frozen=True)
class Owner:
    """The application that objects belong to.

    The label `app.kubernetes.io/instance: {app}-{model}`, by which charms find their objects, says the same
    of application `a-b` in model `c` and of `a` in `b-c`. Objects therefore also carry an annotation that
    can't be read in two ways. One without it was written by an older revision, and is taken for the
    owner's, unless it is in the namespace of another model with which that label could have been spelt:
    there it is the other application's own.
    """

    app: str
    model: str

    @property
    def mark(self) -> str:
        """The annotation's value: Juju's names contain no dots."""
        return f"{self.model}.{self.app}"

    def labels(self, scope: str) -> dict[str, str]:
        """Return the labels by which charms find their objects, `scope` saying what these are for."""
        return {
            "app.kubernetes.io/instance": label_value(f"{self.app}-{self.model}"),
            "kubernetes-resource-handler-scope": label_value(scope),
        }

    def owns(self, resource: "Resource") -> bool:
        """Tell whether an object that was found by the owner's labels is the owner's."""
        mark = annotations(resource).get(OWNER)
        if mark is not None:
            return mark == self.mark
        namespace = metadata(resource).get("namespace")
        return namespace == self.model or not f"{self.app}-{self.model}".endswith(f"-{namespace}")


def have_one_owner(there: "Resource", wanted: "Resource", owned_by_labels: Mapping[str, str]) -> bool:
    """Tell whether an object that was not found by its owner's labels has another mark of this owner.

    Somebody may have taken some of the labels off.
    """
    mark = annotations(there).get(OWNER)
    if mark is not None:
        return mark == annotations(wanted).get(OWNER)
    labels: Mapping[str, str] = metadata(there).get("labels") or {}
    return bool(labels.items() & owned_by_labels.items())


def label_value(text: str) -> str:
    """Cut a text to what a label's value may be; what is cut ends with a hash, so that no two become one."""
    if len(text) <= _LABEL_VALUE_LENGTH:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{text[: _LABEL_VALUE_LENGTH - _HASH_LENGTH - 1].rstrip('-._')}-{digest}"
