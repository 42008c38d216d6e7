"""The mesh around the beacon's policies, as it was last read."""

from collections.abc import Iterable
from dataclasses import replace

import pydantic

from k8s_charm import Json, Resource, kubernetes_errors, manifest, metadata
from mesh_inspection import (
    Cluster,
    UnreadableClusterError,
    cluster_of,
    exposed,
    missing_waypoints,
    read_auto_allow,
    read_list,
    read_policy,
    selects_none,
)
from model_objects import ModelObjects


class ObservedMesh(pydantic.BaseModel):
    """The mesh around the beacon's policies; it takes several requests, so the beacon stores it."""

    model_config = pydantic.ConfigDict(frozen=True)

    root_namespaces: tuple[str, ...] = ()
    """The namespaces whose policies on pods hold in all models; none if they are not known."""
    trust_domain: str = ""
    """The trust domain that the mesh's configuration names; empty if that is not known."""
    open_to_all: tuple[str, ...] = ()
    """The Services and pods of the model that are open, because no policy is on them."""
    without_pods: frozenset[str] = frozenset()
    """The beacon's policies that are on pods and select none."""


NOTHING_KNOWN = ObservedMesh()


def recall(text: str) -> ObservedMesh | None:
    """Return the mesh that was stored as JSON; None if none was, or not by this revision of the charm."""
    try:
        return ObservedMesh.model_validate_json(text)
    except pydantic.ValidationError:
        return None


def observe(model: ModelObjects) -> ObservedMesh | None:
    """Read the mesh; None if Kubernetes does not return all of it."""
    try:
        cluster = _read(model)
        open_to_all = exposed(cluster, model.name)
    except (UnreadableClusterError, *kubernetes_errors()):
        return None
    return ObservedMesh(
        root_namespaces=cluster.root_namespaces,
        trust_domain=cluster.trust_domain,
        open_to_all=tuple(open_to_all),
        without_pods=frozenset(
            str(each) for each in map(read_policy, model.own_policies) if selects_none(each, cluster.pods)
        ),
    )


def _read(model: ModelObjects) -> Cluster:
    """Read the objects that decide on requests inside the model and were not read already."""
    from istio_policies import AuthorizationPolicy, Gateway

    namespace, services, pods = manifest(model.namespace), _plain(model.services), _plain(model.pods)
    gateways = _plain(each for each in model.own if isinstance(each, Gateway))
    if missing_waypoints(services, namespace, gateways):
        gateways = _plain(read_list(model.client, Gateway, may_be_missing=True))
    istio = model.control_plane
    root = istio.root_namespaces[0]
    here = [*model.own_policies, *model.other_policies]
    here = [each for each in here if metadata(each)["namespace"] in (root, model.name)]
    cluster = cluster_of(istio, [namespace], services, gateways, here, pods)
    # Policies of the root namespace, and istiod's own, can only deny more.
    if not exposed(replace(cluster, auto_allow=False), model.name):
        return replace(cluster, auto_allow=False)
    if root != model.name:
        found = map(read_policy, read_list(model.client, AuthorizationPolicy, root, labels=model.not_own))
        cluster = replace(cluster, policies=(*cluster.policies, *found))
    return replace(cluster, auto_allow=read_auto_allow(model.client, istio.namespace))


def _plain(resources: Iterable[Resource]) -> list[Json]:
    return list(map(manifest, resources))
