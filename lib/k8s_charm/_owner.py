"""The owner of an object."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from ._objects import Json, Resource, annotations, from_manifest, labels_of, manifest, metadata, sublist

OWNER = "charms.canonical.com/mesh.owner"

_LABEL_VALUE_LENGTH = 63
_HASH_LENGTH = 10


@dataclass(frozen=True)
class Owner:
    """The application that owns objects.

    The label `app.kubernetes.io/instance: {app}-{model}`, by which charms find their objects, is the same for
    application `a-b` in model `c` and for `a` in `b-c`. Objects therefore also carry an annotation that is
    unambiguous. An object without it was written by an older revision, and has exactly one owner among the
    applications that give the same label: the one of the object's namespace, or else the one that wrote it
    last, by the field manager's name. If neither decides, it is the one with the longest name.
    """

    app: str
    model: str

    @property
    def mark(self) -> str:
        """The annotation's value; unambiguous, as names in Juju contain no dots."""
        return f"{self.model}.{self.app}"

    def with_reference(self, resource: Resource, uid: str) -> Resource:
        """Return an object of the owner's model with a reference to the application's Service.

        Kubernetes deletes the object when the Service is gone, also if no hook of the charm runs. The Service
        exists exactly as long as the application: it keeps its uid over refreshes and scaling to 0, and,
        unlike a StatefulSet, is not recreated when the application's storage changes. Objects of other
        namespaces cannot refer to it.
        """
        plain = manifest(resource)
        own = plain["metadata"]
        if own.get("namespace") != self.model or own.get("ownerReferences"):
            return resource
        references = {"ownerReferences": [service_reference(self.app, uid)]}
        return from_manifest(type(resource), {**plain, "metadata": {**own, **references}})

    def service_uid(self, resource: Resource) -> str | None:
        """Return the uid of the Service in an object's owner references; None if it has none.

        What is in another namespace may be of somebody who gave it the owner's labels and annotation.
        """
        own = metadata(resource)
        for reference in sublist(own, "ownerReferences") if own.get("namespace") == self.model else ():
            if (reference.get("kind"), reference.get("name")) == ("Service", self.app):
                return reference.get("uid")
        return None

    @property
    def instance_label(self) -> dict[str, str]:
        """The label of all objects of the application."""
        return {"app.kubernetes.io/instance": label_value(f"{self.app}-{self.model}")}

    def labels(self, scope: str) -> dict[str, str]:
        """Return the labels by which charms find their objects of a `scope`, which names their purpose."""
        return {
            **self.instance_label,
            "kubernetes-resource-handler-scope": label_value(scope),
        }

    def owns(self, resource: Resource) -> bool:
        """Return whether an object that carries the owner's labels belongs to the owner."""
        mark = annotations(resource).get(OWNER)
        if mark is not None:
            return mark == self.mark
        return self.app == self._owner_of_unmarked(resource)

    def _owner_of_unmarked(self, resource: Resource) -> str:
        """Return the application, of those with the same label, that owns an object without a mark."""
        parts = f"{self.app}-{self.model}".split("-")
        models = {"-".join(parts[:number]): "-".join(parts[number:]) for number in range(1, len(parts))}
        own = metadata(resource)
        for app, model in models.items():
            if model == own.get("namespace"):
                return app
        entries = sublist(own, "managedFields")
        writes = [(str(entry.get("time") or ""), str(entry.get("manager"))) for entry in entries]
        writers = [app for _, app in sorted(writes) if app in models]
        return writers[-1] if writers else max(models, key=len)


def service_reference(name: str, uid: str) -> Json:
    """Return an owner reference to a Service."""
    return {"apiVersion": "v1", "kind": "Service", "name": name, "uid": uid}


def have_one_owner(there: Resource, desired: Resource, owned_by_labels: Mapping[str, str]) -> bool:
    """Return whether an object has a mark of the desired object's owner, if not all of its labels.

    Another client may have removed some of the labels.
    """
    mark = annotations(there).get(OWNER)
    if mark is not None:
        return mark == annotations(desired).get(OWNER)
    return bool(labels_of(there).items() & owned_by_labels.items())


def label_value(text: str) -> str:
    """Return a text as the value of a label; a text that is too long is cut, and ends with a hash."""
    if len(text) <= _LABEL_VALUE_LENGTH:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{text[: _LABEL_VALUE_LENGTH - _HASH_LENGTH - 1].rstrip('-._')}-{digest}"
