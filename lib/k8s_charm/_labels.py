"""Keeps labels on the Kubernetes objects that Juju makes for an application."""

import json
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from lightkube import Client
    from lightkube.models.meta_v1 import ObjectMeta

LABELS_KEY = "labels"
PENDING_KEY = "pending"


def reconcile_charm_labels(
    client: "Client",
    app_name: str,
    namespace: str,
    label_configmap_name: str,
    labels: Mapping[str, str],
    *,
    not_on_service: Container[str] = (),
) -> None:
    """Make `labels` the ones that this function has put on an application's pods and Service.

    The labels go into the pod template of the application's StatefulSet (whose pods Kubernetes
    then restarts) and on its Service. A ConfigMap remembers them, so that a later call can take
    away those that are no longer wanted; it goes with the last one. A label whose value somebody
    else has set is not taken away. Nothing is written if nothing differs, nor if the ConfigMap is
    somebody else's.

    Args:
        client: the Kubernetes client to use.
        app_name: the application, and so the name of its StatefulSet and Service.
        namespace: the namespace of them, which is the model's name.
        label_configmap_name: the ConfigMap that remembers; one caller, one name.
        labels: all that the caller wants to be there; none takes away all that it had put there.
        not_on_service: keys of labels that only the pods have.

    Raises:
        lightkube.ApiError: if Kubernetes refuses; calling again later picks up where this call left off.
    """
    memory = _Memory.read(client, label_configmap_name, namespace)
    if not labels and not memory.exists:
        return
    wanted = dict(labels)
    memory.begin(client, wanted)
    on_service = {key: value for key, value in wanted.items() if key not in not_on_service}
    _apply(client, app_name, memory, wanted, on_service)
    memory.end(client, wanted)
    if memory.forgets(wanted):
        # A leader that does not know yet that it is none may have set them again before that was remembered.
        _apply(client, app_name, memory, wanted, on_service)


def _apply(
    client: "Client",
    app_name: str,
    memory: "_Memory",
    wanted: Mapping[str, str],
    on_service: Mapping[str, str],
) -> None:
    """Label the pods and the Service; for one that goes with its application, nothing is wanted."""
    from lightkube import ApiError
    from lightkube.resources.apps_v1 import StatefulSet
    from lightkube.resources.core_v1 import Service

    namespace = memory.namespace
    try:
        stateful_set = client.get(StatefulSet, app_name, namespace=namespace)
        template = stateful_set.spec.template.metadata if stateful_set.spec else None
        if change := memory.change(_labels_of(template), wanted):
            patch = {"spec": {"template": {"metadata": {"labels": change}}}}
            client.patch(StatefulSet, app_name, patch, namespace=namespace)
        service = client.get(Service, app_name, namespace=namespace)
        if change := memory.change(_labels_of(service.metadata), on_service):
            client.patch(Service, app_name, {"metadata": {"labels": change}}, namespace=namespace)
    except ApiError as error:
        if wanted or error.status.code != 404:
            raise


@dataclass
class _Memory:
    """The ConfigMap: the labels that are set, and those that calls were about to set that did not end."""

    name: str
    namespace: str
    labels: dict[str, str] | None
    pending: list[dict[str, str]]

    def __post_init__(self):
        self._found = (self.labels or {}, *self.pending)

    @classmethod
    def read(cls, client: "Client", name: str, namespace: str) -> "_Memory":
        from lightkube import ApiError
        from lightkube.resources.core_v1 import ConfigMap

        try:
            config_map = client.get(ConfigMap, name, namespace=namespace)
        except ApiError as error:
            if error.status.code != 404:
                raise
            return cls(name, namespace, None, [])
        data = cast("dict[str, str]", config_map.data or {})
        if data and data.keys().isdisjoint((LABELS_KEY, PENDING_KEY)):
            # Somebody else's, which Kubernetes says once there is something to remember.
            return cls(name, namespace, None, [])
        return cls(
            name, namespace, _labels_in(_read(data.get(LABELS_KEY))), _read_pending(data.get(PENDING_KEY))
        )

    @property
    def exists(self) -> bool:
        return self.labels is not None

    def change(self, present: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str | None]:
        """What to patch into the labels that are `present`; None takes a label away."""
        change: dict[str, str | None] = {
            key: value for key, value in wanted.items() if present.get(key) != value
        }
        for key, value in present.items():
            is_ours = any(found.get(key) == value for found in self._found)
            if is_ours and key not in wanted:
                change[key] = None
        return change

    def forgets(self, wanted: Mapping[str, str]) -> bool:
        """Whether there were labels that are to be there no more."""
        return any(found.keys() - wanted.keys() for found in self._found)

    def begin(self, client: "Client", wanted: dict[str, str]) -> None:
        """Remember what is about to be set, in case this is as far as it gets."""
        if wanted and wanted != self.labels and wanted not in self.pending:
            self._write(client, self.labels or {}, [*self.pending, wanted])

    def end(self, client: "Client", wanted: dict[str, str]) -> None:
        """Remember what is set now; nothing set, nothing to remember."""
        from lightkube import ApiError
        from lightkube.resources.core_v1 import ConfigMap

        if wanted:
            if wanted != self.labels or self.pending:
                self._write(client, wanted, [])
            return
        try:
            client.delete(ConfigMap, self.name, namespace=self.namespace)
        except ApiError as error:
            if error.status.code != 404:
                raise

    def _write(self, client: "Client", labels: dict[str, str], pending: list[dict[str, str]]) -> None:
        from lightkube.models.meta_v1 import ObjectMeta
        from lightkube.resources.core_v1 import ConfigMap

        data = {LABELS_KEY: json.dumps(labels)}
        if pending:
            data[PENDING_KEY] = json.dumps(pending)
        if self.exists:
            removed = {} if pending else {PENDING_KEY: None}
            client.patch(ConfigMap, self.name, {"data": {**data, **removed}}, namespace=self.namespace)
        else:
            metadata = ObjectMeta(name=self.name, namespace=self.namespace)
            client.create(ConfigMap(metadata=metadata, data=data))
        self.labels, self.pending = labels, pending


def _labels_of(metadata: "ObjectMeta | None") -> dict[str, str]:
    return cast("dict[str, str]", (metadata and metadata.labels) or {})


def _read(text: str | None) -> object:
    """What this module wrote; nothing if somebody has made it unreadable."""
    try:
        return json.loads(text or "null")
    except ValueError:
        return None


def _read_pending(text: str | None) -> list[dict[str, str]]:
    found = _read(text)
    # An older revision had only one of them.
    several = cast("list[object]", found) if isinstance(found, list) else [found]
    return [labels for one in several if (labels := _labels_in(one))]


def _labels_in(found: object) -> dict[str, str]:
    if not isinstance(found, dict):
        return {}
    return {str(key): str(value) for key, value in cast("dict[object, object]", found).items()}
