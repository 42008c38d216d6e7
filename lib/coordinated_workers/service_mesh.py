"""The cluster in a service mesh: the allowed requests from outside, and inside the cluster."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import ops
import pydantic

from charmlibs.interfaces.service_mesh import (
    AppPolicy,
    Endpoint,
    MeshPolicy,
    MeshType,
    Method,
    PolicyTargetType,
    ServiceMeshConsumer,
    UnitPolicy,
    is_mesh_published,
)
from istio_policies import (
    ROOT_NAMESPACE,
    TRUST_DOMAIN,
    ClusterMesh,
    PolicyResourceManager,
    list_policies,
    target_names,
)
from k8s_charm import Failure, Owner, kubernetes_errors, label_value, list_objects, manifest, subtree

from ._compatibility import name_for_tests as __getattr__  # noqa: F401 - Python calls it
from .endpoints import Endpoints, MeshEndpoints
from .interfaces.validation import PART_OF
from .kubernetes.access import KubernetesAccess
from .worker_telemetry import PROXY_WORKER_TELEMETRY_PATHS

logger = logging.getLogger(__name__)


def join(
    charm: ops.CharmBase,
    endpoints: MeshEndpoints,
    *,
    metrics_endpoint: str | None,
    exporter_port: int,
    proxy_ports: Sequence[int],
    charm_policies: Iterable[object],
) -> ServiceMeshConsumer:
    """Make the coordinator a consumer of the mesh, with its own policies and those of the charm.

    Workers' metrics may be at each of the `proxy_ports`, of which one is for TLS. The charm's policies may be
    an `AppPolicy` or `UnitPolicy` of another library.
    """
    policies = _scraper_policies(metrics_endpoint, exporter_port, proxy_ports) if metrics_endpoint else []
    return ServiceMeshConsumer(
        charm,
        mesh_relation_name=endpoints.service_mesh,
        cross_model_mesh_provides_name=endpoints.provide_cmr_mesh,
        cross_model_mesh_requires_name=endpoints.require_cmr_mesh,
        policies=[*policies, *map(_own_policy, charm_policies)],
        auto_join=False,  # the coordinator puts these labels on its pods together with its own
    )


def is_in_mesh(relations: Iterable[ops.Relation], worker_labels: Mapping[str, str]) -> bool:
    """Return whether the coordinator is in the mesh of a beacon.

    There ztunnel encrypts, and the application must not use TLS itself: where policies name methods or paths,
    a waypoint closes connections in which it cannot read requests. While the data of the beacon is invalid,
    the labels decide that workers were last sent: invalid data must not switch TLS off.
    """
    try:
        return is_mesh_published(relations)
    except ValueError:
        return bool(worker_labels.keys() - {PART_OF})


def solution_labels(coordinator: str) -> dict[str, str]:
    """Return the labels that mark a pod as one of the coordinator's cluster."""
    return {PART_OF: label_value(coordinator)}


def cluster_mesh(charm: ops.CharmBase, endpoints: Endpoints, mesh: ServiceMeshConsumer | None) -> ClusterMesh:
    """Return the known facts about a cluster in the mesh; no request to Kubernetes is made."""
    related = charm.model.relations[endpoints.mesh.service_mesh] if endpoints.mesh else []
    workers = worker_apps(charm, endpoints.cluster)
    waypoint = mesh.waypoint() if mesh else None
    return ClusterMesh(
        policies=cluster_policies(charm.model.name, charm.app.name, workers, waypoint),
        labels=_labels(charm),
        endpoint=endpoints.cluster,
        declared=mesh.policies if mesh else [],
        trust_domain=mesh.trust_domain() if mesh else TRUST_DOMAIN,
        is_audit=bool(mesh and mesh.is_audit),
        waypoint="/".join(waypoint or ()),
        beacon=next((relation.app.name for relation in related if relation.app), None),
    )


def worker_apps(charm: ops.CharmBase, cluster_endpoint: str) -> set[str]:
    """Return the names of the worker applications, whatever they have published."""
    return {relation.app.name for relation in charm.model.relations[cluster_endpoint] if relation.app}


def cluster_policies(
    model: str, coordinator: str, workers: Iterable[str], waypoint: tuple[str, str] | None = None
) -> list[MeshPolicy]:
    """Return the policies inside a cluster: each pod reaches all pods, workers the coordinator's Service.

    The waypoint, given by namespace and name, passes on what workers send there.
    """
    workers = sorted(set(workers))
    service, pod = PolicyTargetType.app, PolicyTargetType.unit
    policy = partial(MeshPolicy, target_namespace=model)
    part = solution_labels(coordinator)
    policies = [
        policy(source_namespace=model, source_app_name=app, target_selector_labels=part, target_type=pod)
        for app in (coordinator, *workers)
    ]
    to_coordinator = partial(policy, target_app_name=coordinator)
    policies += [
        to_coordinator(source_namespace=model, source_app_name=app, target_type=service) for app in workers
    ]
    if waypoint and workers:
        # istiod allows a waypoint at pods only if it is set to do so.
        namespace, name = waypoint
        policies.append(to_coordinator(source_namespace=namespace, source_app_name=name, target_type=pod))
    return policies


class WrittenPolicies(NamedTuple):
    """The result of writing the policies inside the cluster."""

    problems: list[ops.StatusBase]
    on_service: bool | None
    """True if any is on the coordinator's Service; None if that is not known."""


def reconcile_cluster_policies(
    access: KubernetesAccess, mesh: ServiceMeshConsumer, cluster_endpoint: str
) -> WrittenPolicies:
    """Write the policies inside the cluster, or outside a mesh delete them.

    They are not changed while Juju does not name one of the worker applications. Pods leave a mesh one after
    another. Those that have left have no identity that a policy could allow, so the policies allow everything
    until the last pod has left, as outside the mesh.
    """
    mesh_type = mesh.mesh_type()
    charm = access.charm
    workers = worker_apps(charm, cluster_endpoint)
    policies = cluster_policies(charm.model.name, charm.app.name, workers, mesh.waypoint())
    manager = _manager(access, mesh.trust_domain(), [ROOT_NAMESPACE, *mesh.root_namespaces()])
    if mesh_type is None:
        return WrittenPolicies(_leave(access, manager, policies), on_service=False)
    for relation in charm.model.relations[cluster_endpoint]:
        if not relation.app:
            which = f"{relation.name}:{relation.id}"
            unnamed = ops.WaitingStatus(
                f"Juju names no application of {which}; keeping the cluster's policies"
            )
            return WrittenPolicies([unnamed], None)
    problems = _attempt(access, manager, lambda: manager.reconcile(policies, mesh_type, audit=mesh.is_audit))
    if manager.live is None:
        return WrittenPolicies(problems, None)
    specs = (subtree(manifest(policy), "spec") for policy in manager.live)
    return WrittenPolicies(problems, any(charm.app.name in target_names(spec) for spec in specs))


def _leave(
    access: KubernetesAccess, manager: PolicyResourceManager, policies: Iterable[MeshPolicy]
) -> list[ops.StatusBase]:
    from lightkube.operators import exists
    from lightkube.resources.core_v1 import Pod

    app, model = access.charm.app.name, access.charm.model.name
    live = list_policies(access.client, _labels(access.charm), Owner(app, model), access.deadline)
    if not (live.objects or live.failed):
        return []
    in_mesh = {**solution_labels(app), "istio.io/dataplane-mode": exists()}
    pods = list_objects(access.client, Pod, model, in_mesh) if live.objects else []
    if isinstance(pods, Failure):
        return [access.status(pods, "list the pods")]
    if not pods:
        return _attempt(access, manager, manager.delete)
    problems = _attempt(access, manager, lambda: manager.reconcile(policies, MeshType.istio, audit=True))
    return problems or [ops.WaitingStatus("leaving the mesh: pods of the cluster are still in it")]


def delete_cluster_policies(access: KubernetesAccess) -> None:
    """Delete the policies inside the cluster; a failure is logged, since no later hook could retry."""
    manager = _manager(access)
    _attempt(access, manager, manager.delete)


def _manager(
    access: KubernetesAccess,
    trust_domain: str = TRUST_DOMAIN,
    root_namespaces: Collection[str] = (ROOT_NAMESPACE,),
) -> PolicyResourceManager:
    charm = access.charm
    return PolicyResourceManager(
        charm, access.client, _labels(charm), logger, access.deadline, trust_domain, root_namespaces
    )


def _labels(charm: ops.CharmBase) -> dict[str, str]:
    app, model = charm.app.name, charm.model.name
    return Owner(app, model).labels(f"{app}-{model}-cluster-internal")


def _attempt(
    access: KubernetesAccess, manager: PolicyResourceManager, write: Callable[[], object]
) -> list[ops.StatusBase]:
    try:
        write()
    except kubernetes_errors() as error:
        if not manager.failed:
            return [access.status(error, "write to Kubernetes")]
    return [access.status(failure, "write the mesh policies") for failure in manager.failed[:1]]


def _scraper_policies(
    metrics_endpoint: str, exporter_port: int, proxy_ports: Sequence[int]
) -> list[AppPolicy | UnitPolicy]:
    to_exporter = UnitPolicy(relation=metrics_endpoint, ports=[exporter_port])
    if not proxy_ports:
        return [to_exporter]
    path = PROXY_WORKER_TELEMETRY_PATHS["metrics"].format(unit="{*}")
    to_workers = Endpoint(ports=list(proxy_ports), methods=[Method.get], paths=[path])
    return [to_exporter, AppPolicy(relation=metrics_endpoint, endpoints=[to_workers])]


def _own_policy(policy: object) -> AppPolicy | UnitPolicy:
    """Convert a policy by its attributes: a charm may bring a library of its own with other classes."""
    if isinstance(policy, (AppPolicy, UnitPolicy)):
        return policy
    model = AppPolicy if hasattr(policy, "endpoints") else UnitPolicy
    # By its fields, not its attributes: an unknown field that is set is an error.
    if isinstance(policy, pydantic.BaseModel):
        return model.model_validate(policy.model_dump(mode="json", exclude_none=True))
    return model.model_validate(policy, from_attributes=True)
