"""Controllers of Kubernetes itself."""

from collections import defaultdict

from .._json import Object, mapping, sequence
from .._kinds import AUTOSCALER, DEPLOYMENT, KINDS, NAMESPACE, Kind
from .._records import ObjectChange
from .._store import ObjectStore
from ._base import KubernetesController


class NamespaceController(KubernetesController):
    """Deletes the objects in a deleted namespace."""

    def handle(self, change: ObjectChange) -> None:
        if change.kind is NAMESPACE and change.new is None:
            self._empty(change.object["metadata"]["name"])

    def catch_up(self) -> None:
        there = {namespace["metadata"]["name"] for namespace in self.store.objects(NAMESPACE)}
        used: set[str] = set()
        for kind in KINDS:
            if kind.namespaced:
                used.update(obj["metadata"]["namespace"] for obj in self.store.objects(kind))
        for gone in used - there:
            self._empty(gone)

    def _empty(self, namespace: str) -> None:
        for kind in KINDS:
            if kind.namespaced:
                self.store.delete_collection(kind, namespace)


class GarbageCollector(KubernetesController):
    """Deletes the objects whose owners were all deleted."""

    def __init__(self, store: ObjectStore):
        self._there: set[str] = set()
        self._owned: dict[str, set[tuple[Kind, str, str]]] = defaultdict(set)
        super().__init__(store)

    def handle(self, change: ObjectChange) -> None:
        metadata = change.object["metadata"]
        if change.new is None:
            self._there.discard(metadata["uid"])
            for place in sorted(self._owned.pop(metadata["uid"], ()), key=lambda one: one[1:]):
                self._collect(*place)
        else:
            self._note(change.kind, change.new)

    def catch_up(self) -> None:
        self._there.clear()
        places: list[tuple[Kind, Object]] = []
        for kind in KINDS:
            places += ((kind, obj) for obj in self.store.objects(kind))
        for kind, obj in places:
            self._note(kind, obj)
        for kind, obj in places:
            self._collect(kind, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])

    def _note(self, kind: Kind, obj: Object) -> None:
        metadata = obj["metadata"]
        self._there.add(metadata["uid"])
        for owner in _owners(obj):
            self._owned[owner].add((kind, metadata.get("namespace", ""), metadata["name"]))

    def _collect(self, kind: Kind, namespace: str, name: str) -> None:
        obj = self.store.find(kind, namespace, name)
        if obj is not None and _owners(obj) and self._there.isdisjoint(_owners(obj)):
            self.store.delete(kind, namespace, name)


def _owners(obj: Object) -> set[str]:
    return {owner["uid"] for owner in sequence(obj["metadata"].get("ownerReferences"))}


class DeploymentController(KubernetesController):
    """Reports as many ready pods of a Deployment as it, or its autoscaler, desires; it creates none."""

    def handle(self, change: ObjectChange) -> None:
        if change.new is None:
            return
        if change.kind is DEPLOYMENT:
            self._scale(change.new)
        elif change.kind is AUTOSCALER:
            target = change.new["spec"]["scaleTargetRef"]
            namespace = change.new["metadata"]["namespace"]
            if target["kind"] == "Deployment" and (
                deployment := self.store.find(DEPLOYMENT, namespace, target["name"])
            ):
                self._scale(deployment)

    def catch_up(self) -> None:
        for deployment in self.store.objects(DEPLOYMENT):
            self._scale(deployment)

    def _scale(self, deployment: Object) -> None:
        namespace, name = deployment["metadata"]["namespace"], deployment["metadata"]["name"]
        replicas = deployment["spec"]["replicas"]
        for autoscaler in self.store.objects(AUTOSCALER, namespace):
            spec = autoscaler["spec"]
            if (spec["scaleTargetRef"]["kind"], spec["scaleTargetRef"]["name"]) == ("Deployment", name):
                replicas = min(max(replicas, spec["minReplicas"]), spec["maxReplicas"])
        if replicas != deployment["spec"]["replicas"]:
            change = {"replicas": replicas}
            self.store.patch(
                DEPLOYMENT, namespace, name, lambda obj: obj | {"spec": obj["spec"] | change}
            )  # which is processed in turn
        elif mapping(deployment.get("status")).get("readyReplicas") != replicas:
            status = {"replicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas}
            self.report(DEPLOYMENT, deployment, status, manager="kube-controller-manager")
