"""The pod template of an application, changed without a restart of its pods if only labels change.

Kubernetes marks each pod of a StatefulSet with the revision of the template that it was created from, and
replaces the pods of other revisions. This module first holds the rollout (by the StatefulSet's `partition`),
then gives running pods the labels and the mark of the new revision, and finally restores the partition:
no pod is left to replace.
"""

import json
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ._client import Client, kubernetes_code, kubernetes_errors
from ._deadline import Deadline
from ._objects import Json, Resource, annotations, labels_of, manifest, metadata, sublist, subtree

if TYPE_CHECKING:
    from lightkube.models.apps_v1 import StatefulSetStatus
    from lightkube.resources.apps_v1 import StatefulSet
    from lightkube.resources.core_v1 import Pod

logger = logging.getLogger(__name__)

HELD_ROLLOUT = "charms.canonical.com/held-rollout"
"""The annotation that records, while a rollout is held, the original partition and the changing labels."""

LabelChange = Mapping[str, str | None]
"""Label → its value; None removes it."""

_REVISION = "controller-revision-hash"
_SECONDS_FOR_THE_CONTROLLER = 5.0
_SECONDS_FOR_PUTTING_BACK = 3.0
_PAUSE = 0.05
_HIGHEST_PARTITION = 2**31 - 1
# A pod that was replaced meanwhile has the new template, or will be replaced.
_ANOTHER_POD = (404, 409)


@dataclass(frozen=True)
class _HeldRollout:
    """The saved state of a StatefulSet whose rollout is held."""

    partition: int
    """The partition to put back."""
    labels: frozenset[str]
    """The labels whose changes restart nothing."""

    @classmethod
    def of(cls, stateful_set: "StatefulSet") -> "_HeldRollout | None":
        """Read the saved state, of this hook or of one that was interrupted."""
        text = annotations(stateful_set).get(HELD_ROLLOUT)
        if text is None:
            return None
        try:
            data = json.loads(text)
            partition, labels = data["partition"], frozenset(map(str, data["labels"]))
        except (ValueError, KeyError, TypeError, RecursionError):  # another client has edited it
            partition, labels = 0, frozenset[str]()
        is_valid = type(partition) is int and 0 <= partition <= _HIGHEST_PARTITION
        return cls(partition if is_valid else 0, labels)

    @classmethod
    def starting(cls, stateful_set: "StatefulSet", labels: Collection[str]) -> "_HeldRollout":
        """Return the state to save, which includes that of an interrupted hook."""
        if before := cls.of(stateful_set):
            return cls(before.partition, before.labels | set(labels))
        return cls(_partition(stateful_set), frozenset(labels))

    @property
    def text(self) -> str:
        """The saved state."""
        return json.dumps({"partition": self.partition, "labels": sorted(self.labels)})


@dataclass(frozen=True)
class TemplateChange:
    """Changes to a pod template."""

    labels: LabelChange
    """The patch of its labels; None removes one."""
    rest: Json | None = None
    """Further changes, as a strategic merge patch."""
    held: _HeldRollout | None = None
    """The rollout that an interrupted hook holds."""

    @classmethod
    def of(
        cls, stateful_set: "StatefulSet | None", labels: LabelChange, rest: Json | None = None
    ) -> "TemplateChange":
        """Return the change of a StatefulSet, with the rollout that an interrupted hook holds."""
        return cls(labels, rest, _HeldRollout.of(stateful_set) if stateful_set else None)

    def __bool__(self) -> bool:
        return bool(self.labels or self.rest or self.held)

    @property
    def patch(self) -> Json:
        """The strategic merge patch of the template."""
        metadata = {"metadata": {"labels": dict(self.labels)}} if self.labels else {}
        return {**(self.rest or {}), **metadata}


@dataclass(frozen=True)
class PodTemplate:
    """The pod template of one StatefulSet."""

    client: Client
    stateful_set: "StatefulSet"
    deadline: Deadline
    """The end of the hook's time for waiting."""

    def apply(self, change: TemplateChange) -> None:
        """Change the template in one patch, and with it the running pods if only labels change.

        Kubernetes restarts all pods if `rest` changes anything, and otherwise those that cannot be changed,
        are not Ready, or differ from the template in more than these labels. A rollout that an interrupted
        hook holds is completed.

        Raises:
            lightkube.ApiError: if Kubernetes rejects a request; a later call continues where this one failed.
        """
        if change.rest or not self._replicas:
            if patch := _merged(self._put_back(change.held) if change.held else {}, change.patch):
                self._patch(patch)
        elif change.labels or change.held:
            self._relabel(_HeldRollout.starting(self.stateful_set, change.labels), change.patch)

    def _relabel(self, held: _HeldRollout, template: Json) -> None:
        if template:
            self._patch(_merged(self._rollout(held.text, self._replicas), template))
        try:
            self._adopt_pods(held.labels)
        except kubernetes_errors() as error:
            logger.warning("restarting pods of %s to change their labels: %s", self._name, error)
        self._patch(self._put_back(held))

    def _put_back(self, held: _HeldRollout) -> Json:
        return self._rollout(None, held.partition)

    def _rollout(self, note: str | None, partition: int) -> Json:
        """Return the patch that holds the rollout and saves its state, or restores it."""
        patch: Json = {"metadata": {"annotations": {HELD_ROLLOUT: note}}}
        # With another strategy there is no rollout to hold, and Kubernetes rejects a partition.
        rolling = {"updateStrategy": {"rollingUpdate": {"partition": partition}}}
        return {**patch, "spec": rolling} if self._strategy == "RollingUpdate" else patch

    def _adopt_pods(self, labels: Collection[str]) -> None:
        """Give running pods the labels of the template, and the mark of its revision."""
        remaining = self.deadline.seconds(_SECONDS_FOR_THE_CONTROLLER + _SECONDS_FOR_PUTTING_BACK)
        wait = Deadline(remaining - _SECONDS_FOR_PUTTING_BACK)
        status = self._status_when(_has_seen_template, wait)
        if not status or not status.updateRevision:
            logger.warning("restarting pods of %s: no new revision from Kubernetes in time", self._name)
            return
        newest, number = status.updateRevision, 0
        templates: dict[str, Json] = {}
        for pod in self._ready_pods():
            revision = labels_of(pod)[_REVISION]
            for name in {revision, newest} - templates.keys():
                templates[name] = self._template_of(name)
            change = _label_change(templates[revision], templates[newest], labels)
            if change is not None and self._adopt(pod, {**change, _REVISION: newest}):
                number += 1
        # The controller would replace a pod if the partition were restored before it has seen the pod's mark;
        # it replaces all of them anyway if the template has changed again.
        self._status_when(
            lambda _, status: status.updateRevision != newest or (status.updatedReplicas or 0) >= number, wait
        )

    def _status_when(
        self, condition: "Callable[[StatefulSet, StatefulSetStatus], bool]", wait: Deadline
    ) -> "StatefulSetStatus | None":
        """Wait until the StatefulSet meets a condition; None if that takes too long."""
        from lightkube.resources.apps_v1 import StatefulSet

        while True:
            now = self.client.get(StatefulSet, self._name, namespace=self._namespace)
            if now.status and condition(now, now.status):
                return now.status
            if wait.is_over:
                return None
            time.sleep(wait.seconds(_PAUSE))

    def _ready_pods(self) -> "Iterator[Pod]":
        uid = metadata(self.stateful_set).get("uid")
        for pod in list_pods(self.client, self.stateful_set):
            if _is_ready(pod) and _is_owned(pod, uid) and _REVISION in labels_of(pod):
                yield pod

    def _template_of(self, revision: str) -> Json:
        from lightkube.resources.apps_v1 import ControllerRevision

        found = self.client.get(ControllerRevision, revision, namespace=self._namespace)
        return manifest(found)["data"]["spec"]["template"]

    def _adopt(self, pod: "Pod", labels: LabelChange) -> bool:
        """Label one pod if it needs it; False if the pod is gone."""
        if labels_of(pod)[_REVISION] == labels[_REVISION]:
            return True
        own = metadata(pod)
        patch = {"metadata": {"uid": own["uid"], "labels": dict(labels)}}
        try:
            self.client.patch(type(pod), own["name"], patch, namespace=self._namespace)
        except kubernetes_errors() as error:
            if kubernetes_code(error) not in _ANOTHER_POD:
                raise
            return False
        return True

    def _patch(self, patch: Json) -> None:
        from lightkube.resources.apps_v1 import StatefulSet

        self.client.patch(StatefulSet, self._name, patch, namespace=self._namespace)

    @property
    def _name(self) -> str:
        return metadata(self.stateful_set)["name"]

    @property
    def _namespace(self) -> str | None:
        return metadata(self.stateful_set).get("namespace")

    @cached_property
    def _spec(self) -> Json:
        return subtree(manifest(self.stateful_set), "spec")

    @property
    def _replicas(self) -> int:
        replicas = self._spec.get("replicas", 1)
        # tests of charms replace Kubernetes by a mock, whose values are not numbers: it has no pods to
        # relabel
        return replicas if isinstance(replicas, int) else 0

    @property
    def _strategy(self) -> str:
        return subtree(self._spec, "updateStrategy").get("type", "RollingUpdate")


def list_pods(client: Client, stateful_set: "StatefulSet") -> "Iterable[Pod]":
    """List the pods that a StatefulSet selects; some may have another owner."""
    from lightkube.resources.core_v1 import Pod

    selector = subtree(manifest(stateful_set), "spec", "selector", "matchLabels")
    return client.list(Pod, namespace=metadata(stateful_set).get("namespace"), labels=selector)


def missing_labels(
    stateful_set: "StatefulSet", pods: Iterable[Resource], labels: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Return the labels that running pods of the present template lack, by the name of the pod.

    Another client has removed or changed them; Kubernetes replaces no pod for that.
    """
    own, revision = metadata(stateful_set), subtree(manifest(stateful_set), "status").get("updateRevision")
    found: dict[str, dict[str, str]] = {}
    for pod in pods:
        there = labels_of(pod)
        is_going = bool(metadata(pod).get("deletionTimestamp"))
        if is_going or not _is_owned(pod, own.get("uid")) or there.get(_REVISION) != revision:
            continue
        if missing := {key: value for key, value in labels.items() if there.get(key) != value}:
            found[metadata(pod)["name"]] = missing
    return found


def _has_seen_template(stateful_set: "StatefulSet", status: "StatefulSetStatus") -> bool:
    return (status.observedGeneration or 0) >= metadata(stateful_set).get("generation", 0)


def _partition(stateful_set: "StatefulSet") -> int:
    rolling_update = subtree(manifest(stateful_set), "spec", "updateStrategy", "rollingUpdate")
    return rolling_update.get("partition", 0)


def _merged(patch: Json, template: Json) -> Json:
    return {**patch, "spec": {**patch.get("spec", {}), "template": template}} if template else patch


def _is_ready(pod: "Pod") -> bool:
    conditions = sublist(manifest(pod), "status", "conditions")
    is_ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return is_ready and not metadata(pod).get("deletionTimestamp")


def _is_owned(pod: Resource, uid: str | None) -> bool:
    owners = sublist(metadata(pod), "ownerReferences")
    return any(owner.get("controller") and owner["uid"] == uid for owner in owners)


def _label_change(old: Json, new: Json, allowed: Collection[str]) -> dict[str, str | None] | None:
    """Return the difference of two templates' labels; None if the templates differ in anything else."""
    before, after = (subtree(template, "metadata", "labels") for template in (old, new))
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    if _without_labels(old) != _without_labels(new) or not changed <= set(allowed):
        return None
    return {key: after.get(key) for key in changed}


def _without_labels(template: Json) -> Json:
    metadata = {key: value for key, value in template.get("metadata", {}).items() if key != "labels"}
    return {**template, "metadata": metadata}
