"""Labels on the Kubernetes objects that Juju creates for an application."""

import logging
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from ._client import Client, kubernetes_errors
from ._deadline import Deadline
from ._label_record import LabelRecord
from ._objects import Json, ObjectRef, Resource, labels_of, manifest, metadata, subtree
from ._owner import service_reference
from ._plan import Change
from ._pod_template import PodTemplate, TemplateChange, list_pods, missing_labels

if TYPE_CHECKING:
    from lightkube.resources.apps_v1 import StatefulSet
    from lightkube.resources.core_v1 import Pod

    RestOfTemplate: TypeAlias = Callable[[StatefulSet], Json | None]

logger = logging.getLogger(__name__)


def reconcile_charm_labels(  # noqa: PLR0913 - published
    client: Client,
    app_name: str,
    namespace: str,
    label_configmap_name: str,
    labels: Mapping[str, str],
    *,
    not_on_service: Container[str] = (),
    not_on_pods: Container[str] = (),
    with_pods: bool = False,
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
        not_on_pods: keys of labels that only the Service has.
        with_pods: True to also restore labels that another client has removed from running pods.
        deadline: the end of the hook's time for waiting; a new one if None.
        rest: returns further changes of the pod template, as a strategic merge patch. They are written
            together with the labels, so that pods restart once.

    Raises:
        lightkube.ApiError: if Kubernetes rejects a request; a later call continues where this one failed.
    """
    record = LabelRecord.read(client, label_configmap_name, namespace)
    live = read_charm_labels(client, app_name, record, must_exist=bool(labels or rest))
    change = rest(live.stateful_set) if rest and live.stateful_set else None
    pods = _pods_of(client, live) if with_pods else ()
    changes = plan_charm_labels(
        live, labels, not_on_service=not_on_service, not_on_pods=not_on_pods, rest=change, pods=pods
    )
    apply_charm_labels(client, changes, deadline)


@dataclass(frozen=True)
class CharmLabels:
    """The live labels of an application."""

    app: str
    record: LabelRecord
    """The labels that earlier calls have set."""
    stateful_set: "StatefulSet | None" = None
    """The StatefulSet, if there is one and it was read."""
    service: Resource | None = None
    """The Service, if there is one and it was read."""

    @property
    def owner(self) -> list[Json]:
        """The Service, which exists exactly as long as the application, also when it is scaled to 0."""
        uid = metadata(self.service).get("uid") if self.service else None
        return [service_reference(self.app, uid)] if uid else []


@dataclass(frozen=True)
class LabelChanges:
    """The changes that set the desired labels."""

    live: CharmLabels
    labels: dict[str, str]
    """The desired labels."""
    not_on_service: Container[str]
    """The keys of labels that only the pods have."""
    not_on_pods: Container[str]
    """The keys of labels that only the Service has."""
    template: TemplateChange
    """The change of the pod template."""
    service: Mapping[str, str | None]
    """The patch of the Service's labels."""
    pods: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """The labels that running pods lack, by the name of the pod."""

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
        shown += [Change("change", ObjectRef("Pod", record.namespace, pod)) for pod in self.pods]
        if self.service:
            shown.append(Change("change", ObjectRef("Service", record.namespace, app)))
        if record.must_end(self.labels, self.live.owner) and recorded not in shown:
            shown.append(recorded if self.labels else Change("delete", config_map))
        return shown


def read_charm_labels(
    client: Client,
    app_name: str,
    record: LabelRecord,
    *,
    must_exist: bool,
    service: Resource | None = None,
) -> CharmLabels:
    """Read an application's labels; no request is made if none were set and none are desired.

    If there is anything to set, the application `must_exist`, and it is an error if it does not. A `service`
    that was read already is not read again.

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
        service = service or client.get(Service, app_name, namespace=record.namespace)
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
    not_on_pods: Container[str] = (),
    rest: Json | None = None,
    pods: Iterable[Resource] = (),
) -> LabelChanges:
    """Compare the desired labels with the live ones; no request is made.

    The `rest` is further changes of the pod template, as a strategic merge patch. Of the `pods`, those of the
    present template that lack labels get them again.
    """
    on_service = {key: value for key, value in labels.items() if key not in not_on_service}
    template = subtree(manifest(live.stateful_set), "spec", "template") if live.stateful_set else {}
    on_pods = {key: value for key, value in labels.items() if key not in not_on_pods}
    on_template = live.record.change(subtree(template, "metadata", "labels"), on_pods)
    change = TemplateChange.of(live.stateful_set, on_template, rest)
    there: Mapping[str, str] = labels_of(live.service) if live.service else {}
    return LabelChanges(
        live,
        dict(labels),
        not_on_service,
        not_on_pods,
        template=change,
        service=live.record.change(there, on_service),
        pods={} if change or not live.stateful_set else missing_labels(live.stateful_set, pods, on_pods),
    )


def apply_charm_labels(client: Client, changes: LabelChanges, deadline: Deadline | None = None) -> None:
    """Write labels to Kubernetes, in the time until the deadline, or in 18 seconds if there is none.

    Raises:
        lightkube.ApiError: if Kubernetes rejects a request.
    """
    live, labels = changes.live, changes.labels
    record, deadline = live.record, deadline or Deadline()
    record.begin(client, labels, live.owner)
    _patch(client, changes, deadline)
    record.end(client, labels, live.owner)
    if record.forgets(labels):
        # A former leader that is still in its hook may have set them again before that was recorded.
        live = read_charm_labels(client, live.app, record, must_exist=bool(labels))
        again = plan_charm_labels(
            live, labels, not_on_service=changes.not_on_service, not_on_pods=changes.not_on_pods
        )
        _patch(client, again, deadline)


def _patch(client: Client, changes: LabelChanges, deadline: Deadline) -> None:
    """Write the changes.

    The Service gets labels before the pods and loses them after the pods: a waypoint reaches pods outside the
    mesh, while pods in the mesh may be closed to all sources except the waypoint.
    """
    added = {key: value for key, value in changes.service.items() if value is not None}
    _patch_service(client, changes.live, added)
    if changes.live.stateful_set and changes.template:
        PodTemplate(client, changes.live.stateful_set, deadline).apply(changes.template)
    _patch_pods(client, changes)
    _patch_service(client, changes.live, dict.fromkeys(changes.service.keys() - added.keys()))


def _pods_of(client: Client, live: CharmLabels) -> "list[Pod]":
    if not live.stateful_set:
        return []
    try:
        return list(list_pods(client, live.stateful_set))
    except kubernetes_errors() as error:
        logger.warning("cannot compare the labels of the pods of %s: %s", live.app, error)
        return []


def _patch_pods(client: Client, changes: LabelChanges) -> None:
    from lightkube.resources.core_v1 import Pod

    for name, labels in changes.pods.items():
        logger.info("restoring labels of pod %s: %s", name, ", ".join(labels))
        try:
            client.patch(
                Pod, name, {"metadata": {"labels": dict(labels)}}, namespace=changes.live.record.namespace
            )
        except kubernetes_errors() as error:
            logger.warning("cannot restore the labels of pod %s: %s", name, error)


def _patch_service(client: Client, live: CharmLabels, labels: Mapping[str, str | None]) -> None:
    from lightkube.resources.core_v1 import Service

    if live.service and labels:
        client.patch(Service, live.app, {"metadata": {"labels": labels}}, namespace=live.record.namespace)
