"""Services that do not use the waypoint, although the whole model is in the mesh behind it.

The waypoint is allowed at the pods behind it. A Service without a policy there would be open, whatever the
policies on its pods are.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from istio_policies import target_refs
from k8s_charm import Change, Json, ObjectRef, manifest
from mesh_namespace import MANAGED_BY, NamespaceStep
from model_services import USE_WAYPOINT
from steps import StepResult

if TYPE_CHECKING:
    from lightkube import Client

_NONE = "none"


@dataclass(frozen=True)
class UnboundServicesStep:
    """The Services with policies on their pods only, as a step."""

    namespace: NamespaceStep

    def plan(self, client: "Client") -> "UnboundServicesPlan":
        """Plan the labels that keep Services from the waypoint.

        Raises:
            NamespaceTakenError: if the namespace has another owner in the mesh.
            lightkube.ApiError: if Kubernetes rejects a request.
        """
        from lightkube.resources.core_v1 import Pod, Service

        from istio_policies import AuthorizationPolicy

        model, beacon = self.namespace.name, self.namespace.beacon
        if not self.namespace.on_mesh:
            services = client.list(Service, namespace=model, labels={MANAGED_BY: beacon})
            return UnboundServicesPlan(model, _patches(map(manifest, services), beacon, ()))
        self.namespace.plan(client)
        bound: set[str] = set()
        selectors: list[dict[str, str]] = []
        for policy in client.list(AuthorizationPolicy, namespace=model):
            spec: Json = manifest(policy).get("spec") or {}
            bound.update(str(ref.get("name")) for ref in target_refs(spec))
            if "selector" in spec:
                selectors.append(spec["selector"].get("matchLabels") or {})
        pods = [_labels(manifest(pod)) for pod in client.list(Pod, namespace=model)]
        closed = [pod for pod in pods if any(selector.items() <= pod.items() for selector in selectors)]
        services = [manifest(each) for each in client.list(Service, namespace=model)]
        unbound = [
            each["metadata"]["name"]
            for each in services
            if each["metadata"]["name"] not in bound and _selects_any(each, closed)
        ]
        return UnboundServicesPlan(model, _patches(services, beacon, unbound))


@dataclass(frozen=True)
class UnboundServicesPlan:
    """The labels of Services to write; None removes one."""

    model: str
    patches: Mapping[str, Mapping[str, str | None]]
    """The labels by the name of the Service."""
    access_changes: tuple[str, ...] = ()
    is_complete: bool = True

    @property
    def changes(self) -> list[Change]:
        """The Services that change."""
        return [Change("change", ObjectRef("Service", self.model, name)) for name in self.patches]

    def expect(self, _: "Client") -> StepResult:
        """Return the result if each write succeeds."""
        return StepResult()

    def apply(self, client: "Client") -> StepResult:
        """Write the labels.

        Raises:
            lightkube.ApiError: if Kubernetes rejects a request.
        """
        from lightkube.resources.core_v1 import Service

        for name, labels in self.patches.items():
            client.patch(Service, name, {"metadata": {"labels": dict(labels)}}, namespace=self.model)
        return StepResult(changed=bool(self.patches))


def _selects_any(service: Json, pods: Iterable[Mapping[str, str]]) -> bool:
    spec: Json = service.get("spec") or {}
    selector: dict[str, str] = spec.get("selector") or {}
    is_headless = spec.get("clusterIP") == "None"
    return bool(selector) and not is_headless and any(selector.items() <= pod.items() for pod in pods)


def _labels(plain: Json) -> dict[str, str]:
    return plain["metadata"].get("labels") or {}


def _patches(
    services: Iterable[Json], beacon: str, unbound: Iterable[str]
) -> dict[str, dict[str, str | None]]:
    """Return the changes that unbind these Services and no others; those with labels of others are left."""
    unbound = set(unbound)
    patches: dict[str, dict[str, str | None]] = {}
    for service in services:
        name: str = service["metadata"]["name"]
        labels = _labels(service)
        is_ours = labels.get(MANAGED_BY) == beacon
        if name in unbound and USE_WAYPOINT not in labels:
            patches[name] = {USE_WAYPOINT: _NONE, MANAGED_BY: beacon}
        elif is_ours and not (name in unbound and labels.get(USE_WAYPOINT) == _NONE):
            # Its own application may have labelled it since.
            patches[name] = {MANAGED_BY: None}
            if labels.get(USE_WAYPOINT) == _NONE:
                patches[name][USE_WAYPOINT] = None
    return patches
