"""Labels on the Kubernetes objects that Juju creates for an application."""

import json
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from ._objects import ObjectRef
from ._plan import Change

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
    """Make `labels` the ones that this function has set on an application's pods and Service.

    The labels go into the pod template of the application's StatefulSet (whose pods Kubernetes
    then restarts) and on its Service. A ConfigMap records them, so that a later call can remove
    those that are no longer desired; it goes with the last one. A label whose value somebody
    else has set is not removed. Nothing is written if nothing differs, nor if somebody else
    owns the ConfigMap.

    Args:
        client: the Kubernetes client to use.
        app_name: the application, and so the name of its StatefulSet and Service.
        namespace: the namespace of them, which is the model's name.
        label_configmap_name: the ConfigMap that records the labels; one caller, one name.
        labels: all labels of this caller; none removes all that it has set.
        not_on_service: keys of labels that only the pods have.

    Raises:
        lightkube.ApiError: if Kubernetes refuses; a later call continues where this one failed.
    """
    record = LabelRecord.read(client, label_configmap_name, namespace)
    live = read_charm_labels(client, app_name, record, labels)
    apply_charm_labels(client, plan_charm_labels(live, labels, not_on_service=not_on_service))


@dataclass(frozen=True)
class CharmLabels:
    """An application's labels in Kubernetes as they are now."""

    app: str
    record: "LabelRecord"
    """The labels that earlier calls have set."""
    template: Mapping[str, str]
    """The labels of the pod template."""
    service: Mapping[str, str]
    """The labels of the Service."""


@dataclass(frozen=True)
class LabelChanges:
    """What there is to write so that the desired labels are set."""

    live: CharmLabels
    labels: dict[str, str]
    """The desired labels."""
    not_on_service: Container[str]
    """The keys of labels that only the pods have."""
    template: Mapping[str, str | None]
    """The patch of the pod template's labels; None removes one."""
    service: Mapping[str, str | None]
    """The patch of the Service's labels."""

    @property
    def shown(self) -> list[Change]:
        """All changes, as they are shown to people and programs."""
        app, record = self.live.app, self.live.record
        if not self.labels and not record.exists:
            return []
        config_map = ObjectRef("ConfigMap", record.namespace, record.name)
        recorded = Change("change" if record.exists else "create", config_map)
        shown = [recorded] if record.must_begin(self.labels) else []
        if self.template:
            shown.append(Change("change", ObjectRef("StatefulSet", record.namespace, app)))
        if self.service:
            shown.append(Change("change", ObjectRef("Service", record.namespace, app)))
        if record.must_end(self.labels) and recorded not in shown:
            shown.append(recorded if self.labels else Change("delete", config_map))
        return shown


def read_charm_labels(
    client: "Client", app_name: str, record: "LabelRecord", labels: Mapping[str, str]
) -> CharmLabels:
    """Read an application's labels; where none were set and none are desired, no request is made.

    Raises:
        lightkube.ApiError: if Kubernetes refuses.
    """
    from lightkube import ApiError
    from lightkube.resources.apps_v1 import StatefulSet
    from lightkube.resources.core_v1 import Service

    live = CharmLabels(app_name, record, {}, {})
    if not labels and not record.exists:
        return live
    try:
        stateful_set = client.get(StatefulSet, app_name, namespace=record.namespace)
        template = stateful_set.spec.template.metadata if stateful_set.spec else None
        live = replace(live, template=_labels_of(template))
        service = client.get(Service, app_name, namespace=record.namespace)
        return replace(live, service=_labels_of(service.metadata))
    except ApiError as error:
        # An application that is being removed may have lost them already.
        if labels or error.status.code != 404:
            raise
        return live


def plan_charm_labels(
    live: CharmLabels, labels: Mapping[str, str], *, not_on_service: Container[str] = ()
) -> LabelChanges:
    """Compare the desired labels with the live ones; no request is made."""
    on_service = {key: value for key, value in labels.items() if key not in not_on_service}
    return LabelChanges(
        live,
        dict(labels),
        not_on_service,
        template=live.record.change(live.template, labels),
        service=live.record.change(live.service, on_service),
    )


def apply_charm_labels(client: "Client", changes: LabelChanges) -> None:
    """Write labels to Kubernetes.

    Raises:
        lightkube.ApiError: if Kubernetes refuses.
    """
    record, labels = changes.live.record, changes.labels
    if not labels and not record.exists:
        return
    record.begin(client, labels)
    _patch(client, changes)
    record.end(client, labels)
    if record.forgets(labels):
        # A unit that still believes to be the leader may have set them again before that was recorded.
        live = read_charm_labels(client, changes.live.app, record, labels)
        _patch(client, plan_charm_labels(live, labels, not_on_service=changes.not_on_service))


def _patch(client: "Client", changes: LabelChanges) -> None:
    from lightkube.resources.apps_v1 import StatefulSet
    from lightkube.resources.core_v1 import Service

    app, namespace = changes.live.app, changes.live.record.namespace
    if changes.template:
        patch = {"spec": {"template": {"metadata": {"labels": changes.template}}}}
        client.patch(StatefulSet, app, patch, namespace=namespace)
    if changes.service:
        client.patch(Service, app, {"metadata": {"labels": changes.service}}, namespace=namespace)


@dataclass
class LabelRecord:
    """The ConfigMap with the labels that are set, and those that unfinished calls were about to set."""

    name: str
    namespace: str
    labels: dict[str, str] | None
    pending: list[dict[str, str]]

    def __post_init__(self):
        self._found = (self.labels or {}, *self.pending)

    @classmethod
    def read(cls, client: "Client", name: str, namespace: str) -> "LabelRecord":
        """Read a ConfigMap; one that is missing or of another form is empty.

        Raises:
            lightkube.ApiError: if Kubernetes refuses.
        """
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
            # Somebody else owns it: creating it fails once there is something to record.
            return cls(name, namespace, None, [])
        return cls(
            name, namespace, _labels_in(_read(data.get(LABELS_KEY))), _read_pending(data.get(PENDING_KEY))
        )

    @property
    def exists(self) -> bool:
        """Whether there is such a ConfigMap."""
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
        """Tell whether a label that was set is no longer desired."""
        return any(found.keys() - desired.keys() for found in self._found)

    def must_begin(self, desired: Mapping[str, str]) -> bool:
        """Tell whether `begin` writes."""
        return bool(desired) and desired != self.labels and desired not in self.pending

    def must_end(self, desired: Mapping[str, str]) -> bool:
        """Tell whether `end` writes."""
        return not desired or desired != self.labels or bool(self.pending)

    def begin(self, client: "Client", desired: dict[str, str]) -> None:
        """Record what is about to be set, in case the hook ends before it is."""
        if self.must_begin(desired):
            self._write(client, self.labels or {}, [*self.pending, desired])

    def end(self, client: "Client", desired: dict[str, str]) -> None:
        """Record what is set now; delete the ConfigMap if that is nothing."""
        from lightkube import ApiError
        from lightkube.resources.core_v1 import ConfigMap

        if desired:
            if self.must_end(desired):
                self._write(client, desired, [])
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
    """Parse what this module wrote; None if it is malformed."""
    try:
        return json.loads(text or "null")
    except ValueError:
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
