"""Controllers of Kubernetes itself."""

from collections.abc import Callable, Iterator

from .._json import Object, labels_of, mapping, sequence
from .._kinds import KINDS, NAMESPACE, POD, STATEFUL_SET
from .._records import Change
from ._base import Controller


class NamespaceController(Controller):
    """Deletes what is in a namespace that was deleted."""

    manager = "kube-controller-manager"

    def handle(self, change: Change) -> None:
        if change.kind is NAMESPACE and change.new is None:
            self._empty(change.object["metadata"]["name"])

    def catch_up(self) -> None:
        there = {namespace["metadata"]["name"] for namespace in self.store.objects(NAMESPACE)}
        used = {
            obj["metadata"]["namespace"]
            for kind in KINDS
            if kind.namespaced
            for obj in self.store.objects(kind)
        }
        for gone in used - there:
            self._empty(gone)

    def _empty(self, namespace: str) -> None:
        for kind in KINDS:
            if kind.namespaced:
                self.store.delete_collection(kind, namespace)


class GarbageCollector(Controller):
    """Deletes the objects whose owner was deleted."""

    manager = "kube-controller-manager"

    def handle(self, change: Change) -> None:
        if change.new is None:
            gone = change.object["metadata"]["uid"]
            self._collect(lambda owners: owners == {gone})

    def catch_up(self) -> None:
        there = {obj["metadata"]["uid"] for kind in KINDS for obj in self.store.objects(kind)}
        self._collect(lambda owners: bool(owners) and not owners & there)

    def _collect(self, is_garbage: Callable[[set[str]], bool]) -> None:
        for kind in KINDS:
            for obj in self.store.objects(kind):
                metadata = obj["metadata"]
                if is_garbage({owner["uid"] for owner in sequence(metadata.get("ownerReferences"))}):
                    self.store.delete(kind, metadata.get("namespace", ""), metadata["name"])


class StatefulSetController(Controller):
    """Replaces the pods of a StatefulSet when the template of its pods has changed.

    It makes no pods of its own: whoever plays the kubelet creates the first ones.
    """

    manager = "kube-controller-manager"

    def handle(self, change: Change) -> None:
        if change.kind is not STATEFUL_SET or change.old is None or change.new is None:
            return
        if change.old["spec"]["template"] != change.new["spec"]["template"]:
            self._roll_out(change.new)

    def catch_up(self) -> None:
        for stateful_set in self.store.objects(STATEFUL_SET):
            self._roll_out(stateful_set)

    def _roll_out(self, stateful_set: Object) -> None:
        template = stateful_set["spec"]["template"]
        wanted = labels_of(template)
        for pod in self._pods(stateful_set):
            own = {
                key: value
                for key, value in labels_of(pod).items()
                if key.startswith(("statefulset.kubernetes.io/", "apps.kubernetes.io/"))
            }
            if labels_of(pod) != own | wanted:
                self._replace(pod, own | wanted, template)

    def _pods(self, stateful_set: Object) -> Iterator[Object]:
        name = stateful_set["metadata"]["name"]
        for pod in self.store.objects(POD, stateful_set["metadata"]["namespace"]):
            base, _, ordinal = pod["metadata"]["name"].rpartition("-")
            if base == name and ordinal.isdigit():
                yield pod

    def _replace(self, pod: Object, labels: dict[str, str], template: Object) -> None:
        metadata = pod["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        annotations = mapping(mapping(template.get("metadata")).get("annotations"))
        self.store.delete(POD, namespace, name)
        fresh: Object = {
            "metadata": {
                "name": name,
                "labels": labels,
                "annotations": mapping(metadata.get("annotations")) | annotations,
                "ownerReferences": sequence(metadata.get("ownerReferences")),
            },
            "spec": pod["spec"] | template["spec"],
        }
        writer = self.writer("v1")
        self.store.create(POD, fresh, namespace=namespace, writer=writer)
        if status := pod.get("status"):
            self.store.patch(
                POD,
                namespace,
                name,
                lambda new: new | {"status": status},
                subresource="status",
                writer=writer,
            )
