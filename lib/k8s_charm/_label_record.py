"""The record of the labels that a charm has set on an application."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from ._client import Client
from ._objects import Json, ObjectRef, from_manifest, manifest, metadata, sublist, subtree
from ._verbs import delete_object, get_object

# The keys of the ConfigMap.
_LABELS = "labels"
_PENDING = "pending"


@dataclass
class LabelRecord:
    """The ConfigMap with the labels that are set, and those that unfinished calls were about to set."""

    name: str
    namespace: str
    labels: dict[str, str] | None
    pending: list[dict[str, str]]
    owners: frozenset[str] = frozenset()
    """The uids of the objects that own the ConfigMap."""

    def __post_init__(self):
        self._found = (self.labels or {}, *self.pending)

    @classmethod
    def read(cls, client: Client, name: str, namespace: str) -> "LabelRecord":
        """Read a ConfigMap; one that is missing or of another form is empty.

        Raises:
            lightkube.ApiError: if Kubernetes rejects a request.
        """
        from lightkube.resources.core_v1 import ConfigMap

        config_map = get_object(client, ConfigMap, name, namespace)
        data: dict[str, str] = subtree(manifest(config_map), "data") if config_map else {}
        if config_map is None or (data and data.keys().isdisjoint((_LABELS, _PENDING))):
            # Other data have another owner: creating the record then fails.
            return cls(name, namespace, None, [])
        return cls(
            name,
            namespace,
            _labels_in(_read(data.get(_LABELS))),
            _read_pending(data.get(_PENDING)),
            _uids(sublist(metadata(config_map), "ownerReferences")),
        )

    @property
    def exists(self) -> bool:
        """True if the ConfigMap exists."""
        return self.labels is not None

    def change(self, present: Mapping[str, str], desired: Mapping[str, str]) -> dict[str, str | None]:
        """Return the patch for the labels that are `present`; None removes a label."""
        change: dict[str, str | None] = {
            key: value for key, value in desired.items() if present.get(key) != value
        }
        for key, value in present.items():
            is_ours = any(found.get(key) == value for found in self._found)
            if is_ours and key not in desired:
                change[key] = None
        return change

    def forgets(self, desired: Mapping[str, str]) -> bool:
        """Return whether a label that was set is no longer desired."""
        return any(found.keys() - desired.keys() for found in self._found)

    def must_begin(self, desired: Mapping[str, str]) -> bool:
        """Return whether `begin` writes."""
        return bool(desired) and desired != self.labels and desired not in self.pending

    def must_end(self, desired: Mapping[str, str], owner: list[Json]) -> bool:
        """Return whether `end` writes."""
        if not desired:
            return self.exists
        return desired != self.labels or bool(self.pending) or not self.owners.issuperset(_uids(owner))

    def begin(self, client: Client, desired: dict[str, str], owner: list[Json]) -> None:
        """Record the labels that are about to be set, in case the hook ends before they are."""
        if self.must_begin(desired):
            self._write(client, self.labels or {}, [*self.pending, desired], owner)

    def end(self, client: Client, desired: dict[str, str], owner: list[Json]) -> None:
        """Record the labels that are set now; delete the ConfigMap if there are none."""
        from lightkube.resources.core_v1 import ConfigMap

        if self.must_end(desired, owner) and desired:
            self._write(client, desired, [], owner)
        elif self.must_end(desired, owner):
            ref = ObjectRef("ConfigMap", self.namespace, self.name)
            delete_object(client, ConfigMap, ref, ignore_missing=True)

    def _write(
        self,
        client: Client,
        labels: dict[str, str],
        pending: list[dict[str, str]],
        owner: list[Json],
    ) -> None:
        from lightkube.resources.core_v1 import ConfigMap

        data = {_LABELS: json.dumps(labels)}
        if pending:
            data[_PENDING] = json.dumps(pending)
        if self.exists:
            removed = {} if pending else {_PENDING: None}
            patch: Json = {"metadata": {"ownerReferences": owner}, "data": {**data, **removed}}
            client.patch(ConfigMap, self.name, patch, namespace=self.namespace)
        else:
            named = {"name": self.name, "namespace": self.namespace, "ownerReferences": owner}
            created: Any = from_manifest(ConfigMap, {"metadata": named, "data": data})
            client.create(created)
        self.labels, self.pending = labels, pending
        self.owners |= _uids(owner)


def _uids(owners: list[Json]) -> frozenset[str]:
    return frozenset(owner["uid"] for owner in owners)


def _read(text: str | None) -> object:
    """Parse JSON that this module wrote; None if it is malformed."""
    try:
        return json.loads(text or "null")
    except (ValueError, RecursionError):
        return None


def _read_pending(text: str | None) -> list[dict[str, str]]:
    found = _read(text)
    # An older revision recorded only one.
    several = cast("list[object]", found) if isinstance(found, list) else [found]
    return [labels for one in several if (labels := _labels_in(one))]


def _labels_in(found: object) -> dict[str, str]:
    if not isinstance(found, dict):
        return {}
    return {str(key): str(value) for key, value in cast("dict[object, object]", found).items()}
