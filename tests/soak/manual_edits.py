"""Manual changes in Kubernetes."""

from collections.abc import Callable, Iterable, Iterator

from sandbox.juju import Model
from sandbox.kubernetes import ObjectStore
from sandbox.samples import BEACON, COORDINATOR, WORKER

from .oracle import POLICY, Json, Policy, read_policy

_ROOT = "istio-system"
_WAYPOINTS = {"group": "gateway.networking.k8s.io", "kind": "GatewayClass", "name": "istio-waypoint"}
_HARDENING: dict[str, Json] = {"nothing-at-pods": {}, "nothing-at-waypoints": {"targetRefs": [_WAYPOINTS]}}
_IN_MESH = "istio.io/dataplane-mode"
_WAYPOINT, _SCALER = "Gateway", "HorizontalPodAutoscaler"
# Consumers of the library check their labels when the mesh changes, and not before.
_LOOKED_AFTER = (BEACON, COORDINATOR, WORKER)


def edits(store: ObjectStore, models: Iterable[Model]) -> Iterator[str]:
    """Yield edits that charms revert in their next hook: the model, the object, and the edit."""
    for model in models:
        for kind in (POLICY, _WAYPOINT, _SCALER):
            for one in store.objects(kind, model.name):
                for edit in ("gone", "other"):
                    if (kind, edit) != (_WAYPOINT, "other"):
                        yield f"{model.name} {kind}/{one['metadata']['name']} {edit}"
        if store.get("Namespace", "", model.name)["metadata"].get("labels", {}).get(_IN_MESH):
            yield f"{model.name} Namespace/{model.name} unlabelled"
        for app in model.applications.values():
            if app.charm.name in _LOOKED_AFTER and not app.dying:
                yield from (
                    f"{model.name} {kind}/{app.name} unlabelled" for kind in ("StatefulSet", "Service")
                )


def edit(store: ObjectStore, model: str, target: str, becomes: str) -> None:
    """Change an object."""
    kind, _, name = target.partition("/")
    place = "" if kind == "Namespace" else model
    if becomes == "gone":
        store.delete(kind, place, name)
        return
    changes: dict[str, Callable[[Json], None]] = {
        POLICY: lambda one: one["spec"].update(rules=[{}]),
        _SCALER: lambda one: one["spec"].update(maxReplicas=9),
        "StatefulSet": lambda one: _unlabel(one["spec"]["template"]["metadata"]),
    }
    change = changes.get(kind, lambda one: _unlabel(one["metadata"]))

    def changed(one: Json) -> Json:
        change(one)
        return one

    store.patch(kind, place, name, changed)


def harden(store: ObjectStore) -> list[Policy]:
    """Deny everything that no policy allows, and return the policies for it, which no charm owns."""
    if not store.find("Namespace", "", _ROOT):
        store.create("Namespace", {"metadata": {"name": _ROOT}})
    return [
        read_policy(store.create(POLICY, {"metadata": {"name": name}, "spec": spec}, namespace=_ROOT))
        for name, spec in _HARDENING.items()
    ]


def soften(store: ObjectStore) -> None:
    """Undo that."""
    for name in _HARDENING:
        store.delete(POLICY, _ROOT, name)


def _unlabel(metadata: Json) -> None:
    metadata.get("labels", {}).pop(_IN_MESH, None)
