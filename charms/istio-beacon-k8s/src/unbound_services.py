"""Services that do not use the waypoint, although the whole model is in the mesh behind it.

The waypoint is allowed at the pods behind it. A Service without a policy there would be open, whatever the
policies on its pods are.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from istio_policies import target_names
from k8s_charm import Change, Json, ObjectRef, Resource, labels_of, manifest, metadata, reference, subtree
from mesh_namespace import MANAGED_BY, NamespaceStep
from model_objects import USE_WAYPOINT, ModelObjects, name_of
from steps import StepPlan, StepResult

_NONE = "none"


def plan_unbound_services(
    namespace: NamespaceStep, model: ModelObjects, *, leaves_alone: str = ""
) -> "UnboundServicesPlan":
    """Plan the labels that keep Services with policies on their pods only from the waypoint.

    The Service of an application that is being removed is not changed: its labels are removed with it.

    Raises:
        NamespaceTakenError: if the namespace has another owner in the mesh.
        lightkube.ApiError: if Kubernetes rejects a request.
    """
    from lightkube.resources.core_v1 import Service

    beacon = namespace.beacon
    if not namespace.on_mesh:
        services = model.client.list(Service, namespace=model.name, labels={MANAGED_BY: beacon})
        labelled = [each for each in services if name_of(each) != leaves_alone]
        return UnboundServicesPlan(_patches(labelled, beacon, ()))
    namespace.plan(model)
    bound: set[str] = set()
    selectors: list[dict[str, str]] = []
    for policy in (*model.own_policies, *model.other_policies):
        if metadata(policy)["namespace"] != model.name:
            continue
        spec = subtree(manifest(policy), "spec")
        if targets := target_names(spec):
            bound |= targets
        else:
            # A policy without a selector is on all pods.
            selectors.append(subtree(spec, "selector", "matchLabels"))
    pods = map(labels_of, model.pods)
    closed = [pod for pod in pods if any(selector.items() <= pod.items() for selector in selectors)]
    unbound = {
        name_of(each)
        for each in model.services
        if name_of(each) not in bound and _selects_any(manifest(each), closed)
    }
    return UnboundServicesPlan(_patches(model.services, beacon, unbound))


@dataclass(frozen=True)
class UnboundServicesPlan(StepPlan):
    """The labels of Services to write; None removes one."""

    patches: Mapping[ObjectRef, Mapping[str, str | None]]
    """The labels of each Service."""

    @property
    def changes(self) -> list[Change]:
        """The Services that change."""
        return [Change("change", ref) for ref in self.patches]

    def apply(self, model: ModelObjects) -> StepResult:
        """Write the labels."""
        from lightkube.resources.core_v1 import Service

        for ref, labels in self.patches.items():
            model.client.patch(
                Service, ref.name, {"metadata": {"labels": dict(labels)}}, namespace=model.name
            )
            model.forget()
        return StepResult(changed=bool(self.patches))


def _selects_any(service: Json, pods: Iterable[Mapping[str, str]]) -> bool:
    selector: dict[str, str] = subtree(service, "spec", "selector")
    is_headless = subtree(service, "spec").get("clusterIP") == "None"
    return bool(selector) and not is_headless and any(selector.items() <= pod.items() for pod in pods)


def _patches(
    services: Iterable[Resource], beacon: str, unbound: Container[str]
) -> dict[ObjectRef, dict[str, str | None]]:
    """Return the changes that unbind only these Services; those with labels of others are not changed."""
    patches: dict[ObjectRef, dict[str, str | None]] = {}
    for service in services:
        ref, labels = reference(service), labels_of(service)
        is_ours = labels.get(MANAGED_BY) == beacon
        if ref.name in unbound and USE_WAYPOINT not in labels:
            patches[ref] = {USE_WAYPOINT: _NONE, MANAGED_BY: beacon}
        elif is_ours and not (ref.name in unbound and labels.get(USE_WAYPOINT) == _NONE):
            # Its own application may have labelled it meanwhile.
            patches[ref] = {MANAGED_BY: None}
            if labels.get(USE_WAYPOINT) == _NONE:
                patches[ref][USE_WAYPOINT] = None
    return patches
