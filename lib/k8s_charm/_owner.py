"""The owner of an object."""

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

    The label `app.kubernetes.io/instance: {app}-{model}`, by which charms find their objects, is the same for
    application `a-b` in model `c` and for `a` in `b-c`. Objects therefore also carry an annotation that is
    unambiguous. An object without it was written by an older revision, and counts as the owner's, unless
    it is in the namespace of another model that gives the same label: there the other application owns it.
    """

    app: str
    model: str

    @property
    def mark(self) -> str:
        """The annotation's value; unambiguous, as names in Juju contain no dots."""
        return f"{self.model}.{self.app}"

    def labels(self, scope: str) -> dict[str, str]:
        """Return the labels by which charms find their objects; `scope` names the purpose of these."""
        return {
            "app.kubernetes.io/instance": label_value(f"{self.app}-{self.model}"),
            "kubernetes-resource-handler-scope": label_value(scope),
        }

    def owns(self, resource: "Resource") -> bool:
        """Tell whether an object that carries the owner's labels belongs to the owner."""
        mark = annotations(resource).get(OWNER)
        if mark is not None:
            return mark == self.mark
        namespace = metadata(resource).get("namespace")
        return namespace == self.model or not f"{self.app}-{self.model}".endswith(f"-{namespace}")


def have_one_owner(there: "Resource", desired: "Resource", owned_by_labels: Mapping[str, str]) -> bool:
    """Tell whether an object that lacks some of its owner's labels carries another mark of the same owner.

    Somebody may have removed some of the labels.
    """
    mark = annotations(there).get(OWNER)
    if mark is not None:
        return mark == annotations(desired).get(OWNER)
    labels: Mapping[str, str] = metadata(there).get("labels") or {}
    return bool(labels.items() & owned_by_labels.items())


def label_value(text: str) -> str:
    """Return a text as the value of a label; one that is too long is cut, and ends with a hash."""
    if len(text) <= _LABEL_VALUE_LENGTH:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{text[: _LABEL_VALUE_LENGTH - _HASH_LENGTH - 1].rstrip('-._')}-{digest}"
