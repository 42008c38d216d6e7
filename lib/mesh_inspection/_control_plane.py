"""Istio's control plane: where it runs, and how it is set."""

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from istio_policies import ROOT_NAMESPACE, TRUST_DOMAIN, check_trust_domain
from k8s_charm import (
    Client,
    Failure,
    Json,
    ObjectRef,
    Resource,
    attempt,
    is_namespace_name,
    list_objects,
    manifest,
    metadata,
    sublist,
    subtree,
)
from relation_data import InvalidYAMLError, parse_yaml

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

    namespace: str = ROOT_NAMESPACE
    """The namespace in which istiod runs."""
    root_namespaces: tuple[str, ...] = (ROOT_NAMESPACE,)
    """Namespaces whose policies apply to the whole mesh; of several meshes, the first one's first."""
    trust_domain: str = ""
    """The trust domain that the mesh's configuration names; empty if that is not known."""


def read_control_plane(client: Client) -> ControlPlane:
    """Read where istiod is, and how the mesh is configured.

    Raises:
        UnreadableClusterError: if Kubernetes does not return where istiod is, or how it is configured.
    """
    from lightkube.resources.core_v1 import Service

    istiods = [metadata(each) for each in read_list(client, Service, labels={"app": "istiod"})]
    if not istiods:
        return ControlPlane()
    if len(istiods) > 1:
        istiods = _registered(client, istiods) or istiods
    namespaces = [own["namespace"] for own in istiods]
    meshes = [_read_mesh(client, own["namespace"], own["name"]) for own in istiods]
    roots = [_root_namespace(mesh) or own for own, mesh in zip(namespaces, meshes, strict=True)]
    return ControlPlane(namespaces[0], tuple(dict.fromkeys(roots)), _trust_domain(meshes))


def read_list(
    client: Client,
    kind: type[Resource],
    namespace: str | None = None,
    *,
    labels: Mapping[str, Any] | None = None,
    may_be_missing: bool = False,
) -> list[Resource]:
    """List objects.

    Raises:
        UnreadableClusterError: if Kubernetes does not return them.
    """
    found = list_objects(client, kind, namespace, labels)
    if not isinstance(found, Failure):
        return found
    if found.code == HTTPStatus.NOT_FOUND and may_be_missing:
        return []
    raise UnreadableClusterError(found)


def read_auto_allow(client: Client, root: str) -> bool | None:
    """Return whether the istiod of a namespace allows waypoints at pods; None if no istiod is found."""
    from lightkube.resources.apps_v1 import Deployment

    found = list_objects(client, Deployment, root, {"app": "istiod"})
    if isinstance(found, Failure) or not found:
        return None
    for container in sublist(manifest(found[0]), "spec", "template", "spec", "containers"):
        for variable in sublist(container, "env"):
            if variable.get("name") == _AUTO_ALLOW:
                return variable.get("value") in TRUE
    return False


def _registered(client: Client, istiods: Iterable[Json]) -> list[Json]:
    """Return the control planes that the API server asks about new objects; none if this is not known.

    Only administrators of the cluster register them. A Service that looks like a control plane can be created
    by everybody who may write in one namespace.
    """
    from lightkube.resources.admissionregistration_v1 import ValidatingWebhookConfiguration

    try:
        found = read_list(client, ValidatingWebhookConfiguration, may_be_missing=True)
    except UnreadableClusterError as error:
        if error.failure.code != HTTPStatus.FORBIDDEN:
            raise
        return []
    asked: set[tuple[object, object]] = set()
    for each in found:
        for webhook in sublist(manifest(each), "webhooks"):
            service = subtree(webhook, "clientConfig", "service")
            asked.add((service.get("namespace"), service.get("name")))
    return [own for own in istiods if (own["namespace"], own["name"]) in asked]


def _read_mesh(client: Client, namespace: str, istiod: str) -> Json:
    """Read Istio's ConfigMap; empty if there is none, or if this charm may read none."""
    from lightkube.resources.core_v1 import ConfigMap

    # A control plane of a revision has it in the names of both: `istiod-1-29`, `istio-1-29`.
    ref = ObjectRef("ConfigMap", namespace, f"istio{istiod.removeprefix('istiod')}")
    found = attempt(lambda: client.get(ConfigMap, ref.name, namespace=namespace), ref, "get")
    if isinstance(found, Failure):
        if found.code in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            return {}
        raise UnreadableClusterError(found)
    try:
        mesh = parse_yaml(subtree(manifest(found), "data").get("mesh") or "")
    except InvalidYAMLError:
        return {}
    return cast("Json", mesh) if isinstance(mesh, dict) else {}


def _root_namespace(mesh: Json) -> str | None:
    """Return the root namespace of a mesh; None if none is configured, or no valid one."""
    name = mesh.get("rootNamespace")
    return name if isinstance(name, str) and is_namespace_name(name) else None


def _trust_domain(meshes: Iterable[Json]) -> str:
    """Return the first valid trust domain; empty if no configuration is known."""
    for mesh in filter(None, meshes):
        with contextlib.suppress(ValueError):
            return check_trust_domain(str(mesh.get("trustDomain") or TRUST_DOMAIN))
    return ""
