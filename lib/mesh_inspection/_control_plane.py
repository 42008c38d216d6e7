"""Istio's control plane: where it runs, and how it is set."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from istio_policies import ROOT_NAMESPACE, TRUST_DOMAIN, check_trust_domain
from k8s_charm import Failure, Json, kubernetes_errors, list_objects, manifest

if TYPE_CHECKING:
    from lightkube import Client

    from k8s_charm import Resource

_AUTO_ALLOW = "PILOT_AUTO_ALLOW_WAYPOINT_POLICY"
TRUE = ("true", "True", "TRUE", "1", "t", "T")
"""The values that Istio takes for true."""


class UnreadableClusterError(Exception):
    """Kubernetes does not return what is read."""

    def __init__(self, failure: Failure):
        super().__init__(str(failure))
        self.failure = failure


@dataclass(frozen=True)
class ControlPlane:
    """Istio's control plane."""

    root_namespace: str = ROOT_NAMESPACE
    """Namespace whose policies apply to the whole mesh."""
    auto_allow: bool | None = None
    """True if istiod's PILOT_AUTO_ALLOW_WAYPOINT_POLICY is on; None if that is not known."""
    trust_domain: str = ""
    """The trust domain that the mesh's configuration names; empty if that is not known."""


def read_control_plane(client: "Client") -> ControlPlane:
    """Read how the mesh is set.

    Raises:
        UnreadableClusterError: if Kubernetes does not return where istiod is.
    """
    from lightkube.resources.core_v1 import Service

    istiods = read_list(client, Service, labels={"app": "istiod"})
    root = next((manifest(each)["metadata"]["namespace"] for each in istiods), ROOT_NAMESPACE)
    return ControlPlane(root, _read_auto_allow(client, root), _trust_domain(client, istiods))


def read_list(
    client: "Client",
    kind: "type[Resource]",
    namespace: str | None = None,
    *,
    labels: Mapping[str, Any] | None = None,
    may_be_missing: bool = False,
) -> "list[Resource]":
    """List objects.

    Raises:
        UnreadableClusterError: if Kubernetes does not return them.
    """
    found = list_objects(client, kind, namespace, labels)
    if not isinstance(found, Failure):
        return found
    if found.code == 404 and may_be_missing:
        return []
    raise UnreadableClusterError(found)


def mapping(where: Json, field: str) -> Json:
    """Return a field that is a mapping; an empty one if it is missing or null."""
    return where.get(field) or {}


def _read_auto_allow(client: "Client", root: str) -> bool | None:
    """Return istiod's setting; None if no istiod is found."""
    from lightkube.resources.apps_v1 import Deployment

    found = list_objects(client, Deployment, root, {"app": "istiod"})
    if isinstance(found, Failure) or not found:
        return None
    for container in _containers(manifest(found[0])):
        for variable in container.get("env") or ():
            if variable.get("name") == _AUTO_ALLOW:
                return variable.get("value") in TRUE
    return False


def _containers(deployment: Json) -> list[Json]:
    template = mapping(mapping(deployment, "spec"), "template")
    return mapping(template, "spec").get("containers") or []


def _trust_domain(client: "Client", istiods: "Iterable[Resource]") -> str:
    """Read the trust domain from Istio's ConfigMap; empty if this charm may read none."""
    import yaml
    from lightkube.resources.core_v1 import ConfigMap

    for own in (manifest(each)["metadata"] for each in istiods):
        # A control plane of a revision has it in the names of both: `istiod-1-29`, `istio-1-29`.
        name = f"istio{own['name'].removeprefix('istiod')}"
        try:
            config_map = manifest(client.get(ConfigMap, name, namespace=own["namespace"]))
            mesh: object = yaml.safe_load(mapping(config_map, "data").get("mesh") or "")
            named = cast("Json", mesh).get("trustDomain") if isinstance(mesh, dict) else None
            return check_trust_domain(str(named or TRUST_DOMAIN))
        except (*kubernetes_errors(), yaml.YAMLError, ValueError):
            continue
    return ""
