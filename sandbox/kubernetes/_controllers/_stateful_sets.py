"""The controller of StatefulSets: it creates their pods, and replaces those of an old revision."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .._json import Object, Value, labels_of, mapping, sequence
from .._kinds import CONTROLLER_REVISION, POD, STATEFUL_SET, Kind
from .._ownership import Writer
from .._records import ObjectChange
from ._base import KubernetesController

REVISION = "controller-revision-hash"
_MANAGER = "kube-controller-manager"


@dataclass(frozen=True)
class _Rollout:
    """A StatefulSet, with its current and its updated revision."""

    stateful_set: Object
    current: str
    update: str

    @property
    def namespace(self) -> str:
        return self.stateful_set["metadata"]["namespace"]

    @property
    def name(self) -> str:
        return self.stateful_set["metadata"]["name"]

    @property
    def replicas(self) -> int:
        return self.stateful_set["spec"]["replicas"]

    @property
    def is_parallel(self) -> bool:
        return self.stateful_set["spec"]["podManagementPolicy"] == "Parallel"

    @property
    def rolls(self) -> bool:
        return self.stateful_set["spec"]["updateStrategy"]["type"] == "RollingUpdate"

    @property
    def partition(self) -> int:
        strategy = self.stateful_set["spec"]["updateStrategy"]
        return mapping(strategy.get("rollingUpdate")).get("partition", 0)


class StatefulSetController(KubernetesController):
    """Manages StatefulSets like Kubernetes' own controller: at once, one step after another.

    It does not run its pods: the stand-in for the kubelet writes into their status that they are Ready.
    """

    def handle(self, change: ObjectChange) -> None:
        metadata = change.object["metadata"]
        if change.kind is STATEFUL_SET and change.new is not None:
            self._sync(metadata["namespace"], metadata["name"])
        elif change.kind is POD:
            for owner in sequence(metadata.get("ownerReferences")):
                if owner["kind"] == STATEFUL_SET.name and owner.get("controller"):
                    self._sync(metadata["namespace"], owner["name"])

    def catch_up(self) -> None:
        for stateful_set in self.store.objects(STATEFUL_SET):
            self._sync(stateful_set["metadata"]["namespace"], stateful_set["metadata"]["name"])

    def _sync(self, namespace: str, name: str) -> None:
        stateful_set = self.store.find(STATEFUL_SET, namespace, name)
        if stateful_set is None or stateful_set["metadata"].get("deletionTimestamp"):
            return
        update = self._revision_of(stateful_set)
        current = mapping(stateful_set.get("status")).get("currentRevision") or update
        rollout = _Rollout(stateful_set, current, update)
        pods = self._pods(rollout)
        if not self._step(rollout, pods):
            self._report(rollout, list(pods.values()))

    def _step(self, rollout: _Rollout, pods: Mapping[int, Object]) -> bool:
        """Create or delete one pod, which causes the next step; False if there is nothing to do now."""
        for ordinal in range(rollout.replicas):
            pod = pods.get(ordinal)
            if pod is None:
                self._create(rollout, ordinal)
                return True
            if not rollout.is_parallel and not is_ready(pod):
                return False
        for ordinal in sorted(pods, reverse=True):
            if ordinal >= rollout.replicas:
                self._delete(rollout, pods[ordinal])
                return True
        if not rollout.rolls:
            return False
        for ordinal in range(rollout.replicas - 1, rollout.partition - 1, -1):
            if labels_of(pods[ordinal]).get(REVISION) != rollout.update:
                self._delete(rollout, pods[ordinal])
                return True
            if not is_ready(pods[ordinal]):
                return False
        return False

    def _pods(self, rollout: _Rollout) -> dict[int, Object]:
        """Return the pods of a StatefulSet by ordinal."""
        uid = rollout.stateful_set["metadata"]["uid"]
        found: dict[int, Object] = {}
        for pod in self.store.objects(POD, rollout.namespace):
            if any(owner["uid"] == uid for owner in sequence(pod["metadata"].get("ownerReferences"))):
                found[int(pod["metadata"]["name"].rpartition("-")[2])] = pod
        return found

    def _create(self, rollout: _Rollout, ordinal: int) -> None:
        name, revision = f"{rollout.name}-{ordinal}", rollout.update
        if rollout.rolls and ordinal < rollout.partition:
            revision = rollout.current
        kept = self.store.get(CONTROLLER_REVISION, rollout.namespace, revision)
        template = mapping(kept["data"]["spec"]["template"])
        own = {
            REVISION: revision,
            "statefulset.kubernetes.io/pod-name": name,
            "apps.kubernetes.io/pod-index": str(ordinal),
        }
        pod: Object = {
            "metadata": {
                "name": name,
                "labels": labels_of(template) | own,
                "annotations": mapping(mapping(template.get("metadata")).get("annotations")),
                "ownerReferences": [_owner(rollout.stateful_set)],
            },
            "spec": mapping(template["spec"])
            | {"hostname": name, "subdomain": rollout.stateful_set["spec"].get("serviceName", "")},
        }
        self.store.create(POD, pod, namespace=rollout.namespace, writer=_writer(POD))

    def _delete(self, rollout: _Rollout, pod: Object) -> None:
        self.store.delete(POD, rollout.namespace, pod["metadata"]["name"])

    def _revision_of(self, stateful_set: Object) -> str:
        """Return the name of the revision of its template, which is kept from now on."""
        metadata, template = stateful_set["metadata"], stateful_set["spec"]["template"]
        data = {"spec": {"template": {**template, "$patch": "replace"}}}
        digest = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:10]
        name, namespace = f"{metadata['name']}-{digest}", metadata["namespace"]
        there = self.store.find(CONTROLLER_REVISION, namespace, name)
        if there and mapping(stateful_set.get("status")).get("updateRevision") == name:
            return name
        kept = self._revisions(stateful_set)
        latest = max((revision["revision"] for revision in kept), default=0)
        writer = _writer(CONTROLLER_REVISION)
        if there is None:
            revision: Object = {
                "metadata": {
                    "name": name,
                    "labels": dict(labels_of(template)),
                    "ownerReferences": [_owner(stateful_set)],
                },
                "data": data,
                "revision": latest + 1,
            }
            self.store.create(CONTROLLER_REVISION, revision, namespace=namespace, writer=writer)
        elif there["revision"] < latest:
            newest: Object = {"revision": latest + 1}
            self.store.patch(CONTROLLER_REVISION, namespace, name, lambda obj: obj | newest, writer=writer)
        return name

    def _revisions(self, stateful_set: Object) -> Sequence[Object]:
        uid = stateful_set["metadata"]["uid"]
        return [
            revision
            for revision in self.store.objects(CONTROLLER_REVISION, stateful_set["metadata"]["namespace"])
            if any(owner["uid"] == uid for owner in sequence(revision["metadata"].get("ownerReferences")))
        ]

    def _report(self, rollout: _Rollout, pods: Sequence[Object]) -> None:
        ready, updated = sum(map(is_ready, pods)), _number(pods, rollout.update)
        is_complete = rollout.rolls and len(pods) == ready == updated == rollout.replicas
        current = rollout.update if is_complete else rollout.current
        status: Object = {
            "observedGeneration": rollout.stateful_set["metadata"]["generation"],
            "replicas": len(pods),
            "availableReplicas": ready,
            "currentRevision": current,
            "updateRevision": rollout.update,
            "collisionCount": 0,
        }
        counted = {
            "readyReplicas": ready,
            "currentReplicas": _number(pods, current),
            "updatedReplicas": updated,
        }
        status |= {name: number for name, number in counted.items() if number}
        if mapping(rollout.stateful_set.get("status")) != status:
            self.store.patch(
                STATEFUL_SET,
                rollout.namespace,
                rollout.name,
                lambda obj: obj | {"status": status},
                writer=_writer(STATEFUL_SET, "status"),
            )


def is_ready(pod: Object) -> bool:
    """Return whether a pod is ready by its status."""
    conditions = sequence(mapping(pod.get("status")).get("conditions"))
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _number(pods: Sequence[Object], revision: str) -> int:
    return sum(labels_of(pod).get(REVISION) == revision for pod in pods)


def _owner(stateful_set: Object) -> Value:
    return {
        "apiVersion": STATEFUL_SET.api_version,
        "kind": STATEFUL_SET.name,
        "name": stateful_set["metadata"]["name"],
        "uid": stateful_set["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _writer(kind: Kind, subresource: str = "") -> Writer:
    return Writer(_MANAGER, "Update", kind.api_version, subresource)
