"""Labels on the Kubernetes objects that Juju creates for an application."""

import json
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

from ._deadline import Deadline
from ._objects import ObjectRef
from ._plan import Change
from ._pod_template import PodTemplate, TemplateChange

if TYPE_CHECKING:
    from lightkube import Client
    from lightkube.models.meta_v1 import ObjectMeta, OwnerReference
    from lightkube.resources.apps_v1 import StatefulSet
    from lightkube.resources.core_v1 import Service

    from ._objects import Json

    RestOfTemplate: TypeAlias = Callable[[StatefulSet], Json | None]

LABELS_KEY = "labels"
PENDING_KEY = "pending"


def reconcile_charm_labels(  # noqa: PLR0913 - published
    client: "Client",
    app_name: str,
    namespace: str,
    label_configmap_name: str,
    labels: Mapping[str, str],
    *,
    not_on_service: Container[str] = (),
    deadline: Deadline | None = None,
    rest: "RestOfTemplate | None" = None,
) -> None:
    """Set labels on an application's pods and Service, and remove those that earlier calls have set.

    The labels go into the pod template of the application's StatefulSet, onto its running pods, if possible
    without a restart, and onto its Service. A ConfigMap records them, so that a later call can remove those
    that are no longer desired; it is deleted with the last label, or with the application. A label whose
    value another client has changed is not removed. Nothing is written if nothing differs, or if the
    ConfigMap has another owner.

    Do not call it for an application that is being removed: Juju does not adopt a pod that is replaced then.

    Args:
        client: the Kubernetes client to use.
        app_name: the application, and so the name of its StatefulSet and Service.
        namespace: the namespace of them, which is the model's name.
        label_configmap_name: the ConfigMap that records the labels; a name of the caller's own.
        labels: all labels of this caller; an empty mapping removes all that it has set.
        not_on_service: keys of labels that only the pods have.
        deadline: the end of the hook's time for waiting; a new one if None.
        rest: returns further changes of the pod template, as a strategic merge patch. They are written
            together with the labels, so that pods restart once.

    Raises:
        lightkube.ApiError: if Kubernetes rejects a request; a later call continues where this one failed.
    """
    record = LabelRecord.read(client, label_configmap_name, namespace)
    live = read_charm_labels(client, app_name, record, must_exist=bool(labels or rest))
    change = rest(live.stateful_set) if rest and live.stateful_set else None
    changes = plan_charm_labels(live, labels, not_on_service=not_on_service, rest=change)
    apply_charm_labels(client, changes, deadline)


@dataclass(frozen=True)
class CharmLabels:
    """The live labels of an application."""

    app: str
    record: "LabelRecord"
    """The labels that earlier calls have set."""
    stateful_set: "StatefulSet | None" = None
    """The StatefulSet, if there is one and it was read."""
    service: "Service | None" = None
    """The Service, if there is one and it was read."""

    @property
    def owner(self) -> "list[OwnerReference]":
        """The Service, which exists exactly as long as the application, also when it is scaled to 0."""
        from lightkube.models.meta_v1 import OwnerReference

        metadata = self.service and self.service.metadata
        if not metadata or not metadata.name or not metadata.uid:
            return []
        return [OwnerReference(apiVersion="v1", kind="Service", name=metadata.name, uid=metadata.uid)]


@dataclass(frozen=True)
class LabelChanges:
    """The changes that set the desired labels."""

    live: CharmLabels
    labels: dict[str, str]
    """The desired labels."""
    not_on_service: Container[str]
    """The keys of labels that only the pods have."""
    template: TemplateChange
    """The change of the pod template."""
    service: Mapping[str, str | None]
    """The patch of the Service's labels."""

    @property
    def shown(self) -> list[Change]:
        """All changes, as shown to operators."""
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
        if record.must_end(self.labels, self.live.owner) and recorded not in shown:
            shown.append(recorded if self.labels else Change("delete", config_map))
        return shown


def read_charm_labels(
    client: "Client", app_name: str, record: "LabelRecord", *, must_exist: bool
) -> CharmLabels:
    """Read an application's labels; no request is made if none were set and none are desired.

    Args:
        client: the Kubernetes client to use.
        app_name: the application, and so the name of its StatefulSet and Service.
        record: the labels that earlier calls have set.
        must_exist: True if there is anything to set; a missing application is an error then.

    Raises:
        lightkube.ApiError: if Kubernetes rejects a request.
    """
    from lightkube import ApiError
    from lightkube.resources.apps_v1 import StatefulSet
    from lightkube.resources.core_v1 import Service

    if not must_exist and not record.exists:
        return CharmLabels(app_name, record)
    try:
        stateful_set = client.get(StatefulSet, app_name, namespace=record.namespace)
        service = client.get(Service, app_name, namespace=record.namespace)
    except ApiError as error:
        if must_exist or error.status.code != 404:
            raise
        return CharmLabels(app_name, record)
    return CharmLabels(app_name, record, stateful_set, service)


def plan_charm_labels(
    live: CharmLabels,
    labels: Mapping[str, str],
    *,
    not_on_service: Container[str] = (),
    rest: "Json | None" = None,
) -> LabelChanges:
    """Compare the desired labels with the live ones; no request is made.

    Args:
        live: the live labels.
        labels: the desired labels.
        not_on_service: keys of labels that only the pods have.
        rest: further changes of the pod template, as a strategic merge patch.
    """
    on_service = {key: value for key, value in labels.items() if key not in not_on_service}
    on_template = live.record.change(_template_labels(live.stateful_set), labels)
    service = live.service.metadata if live.service else None
    return LabelChanges(
        live,
        dict(labels),
        not_on_service,
        template=TemplateChange.of(live.stateful_set, on_template, rest),
        service=live.record.change(_labels_of(service), on_service),
    )


def apply_charm_labels(client: "Client", changes: LabelChanges, deadline: Deadline | None = None) -> None:
    """Write labels to Kubernetes.

    Args:
        client: the Kubernetes client to use.
        changes: the changes to write.
        deadline: the end of the hook's time for waiting; a new one if None.

    Raises:
        lightkube.ApiError: if Kubernetes rejects a request.
    """
    live, labels = changes.live, changes.labels
    record, deadline = live.record, deadline or Deadline()
    record.begin(client, labels, live.owner)
    _patch(client, changes, deadline)
    record.end(client, labels, live.owner)
    if record.forgets(labels):
        # A unit that still believes to be the leader may have set them again before that was recorded.
        live = read_charm_labels(client, live.app, record, must_exist=bool(labels))
        again = plan_charm_labels(live, labels, not_on_service=changes.not_on_service)
        _patch(client, again, deadline)


def _patch(client: "Client", changes: LabelChanges, deadline: Deadline) -> None:
    """Write the changes.

    The Service gets labels before the pods and loses them after the pods: a mesh's waypoint reaches pods
    that are not in the mesh, while pods that are may be closed to all but the waypoint.
    """
    added = {key: value for key, value in changes.service.items() if value is not None}
    _patch_service(client, changes.live, added)
    if changes.live.stateful_set and changes.template:
        PodTemplate(client, changes.live.stateful_set, deadline).apply(changes.template)
    _patch_service(client, changes.live, dict.fromkeys(changes.service.keys() - added.keys()))


def _patch_service(client: "Client", live: CharmLabels, labels: Mapping[str, str | None]) -> None:
    from lightkube.resources.core_v1 import Service

    if live.service and labels:
        client.patch(Service, live.app, {"metadata": {"labels": labels}}, namespace=live.record.namespace)


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
    def read(cls, client: "Client", name: str, namespace: str) -> "LabelRecord":
        """Read a ConfigMap; one that is missing or of another form is empty.

        Raises:
            lightkube.ApiError: if Kubernetes rejects a request.
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
            # It has another owner: creating it fails once there is something to record.
            return cls(name, namespace, None, [])
        owners = (config_map.metadata and config_map.metadata.ownerReferences) or []
        return cls(
            name,
            namespace,
            _labels_in(_read(data.get(LABELS_KEY))),
            _read_pending(data.get(PENDING_KEY)),
            frozenset(owner.uid for owner in owners),
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

    def must_end(self, desired: Mapping[str, str], owner: "list[OwnerReference]") -> bool:
        """Return whether `end` writes."""
        if not desired:
            return self.exists
        return desired != self.labels or bool(self.pending) or not self.owners.issuperset(_uids(owner))

    def begin(self, client: "Client", desired: dict[str, str], owner: "list[OwnerReference]") -> None:
        """Record the labels that are about to be set, in case the hook ends before they are."""
        if self.must_begin(desired):
            self._write(client, self.labels or {}, [*self.pending, desired], owner)

    def end(self, client: "Client", desired: dict[str, str], owner: "list[OwnerReference]") -> None:
        """Record the labels that are set now; delete the ConfigMap if there are none."""
        from lightkube import ApiError
        from lightkube.resources.core_v1 import ConfigMap

        if not self.must_end(desired, owner):
            return
        if desired:
            self._write(client, desired, [], owner)
            return
        try:
            client.delete(ConfigMap, self.name, namespace=self.namespace)
        except ApiError as error:
            if error.status.code != 404:
                raise

    def _write(
        self,
        client: "Client",
        labels: dict[str, str],
        pending: list[dict[str, str]],
        owner: "list[OwnerReference]",
    ) -> None:
        from lightkube.models.meta_v1 import ObjectMeta
        from lightkube.resources.core_v1 import ConfigMap

        data = {LABELS_KEY: json.dumps(labels)}
        if pending:
            data[PENDING_KEY] = json.dumps(pending)
        if self.exists:
            removed = {} if pending else {PENDING_KEY: None}
            owners: list[Json] = [each.to_dict() for each in owner]
            patch: Json = {"metadata": {"ownerReferences": owners}, "data": {**data, **removed}}
            client.patch(ConfigMap, self.name, patch, namespace=self.namespace)
        else:
            metadata = ObjectMeta(name=self.name, namespace=self.namespace, ownerReferences=owner)
            client.create(ConfigMap(metadata=metadata, data=data))
        self.labels, self.pending = labels, pending
        self.owners |= _uids(owner)


def _uids(owner: "list[OwnerReference]") -> frozenset[str]:
    return frozenset(each.uid for each in owner)


def _template_labels(stateful_set: "StatefulSet | None") -> dict[str, str]:
    return _labels_of(stateful_set.spec.template.metadata if stateful_set and stateful_set.spec else None)


def _labels_of(metadata: "ObjectMeta | None") -> dict[str, str]:
    return cast("dict[str, str]", (metadata and metadata.labels) or {})


def _read(text: str | None) -> object:
    """Parse JSON that this module wrote; None if it is malformed."""
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
