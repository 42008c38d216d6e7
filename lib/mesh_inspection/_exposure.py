"""Services and pods of a model in a mesh that are open to all, because no policy is on them."""

from collections.abc import Iterable, Iterator

from ._cluster import Cluster, LivePolicy
from ._evaluate import allows
from ._request_path import waypoint_policies, ztunnel_policies


def exposed(cluster: Cluster, model: str) -> list[str]:
    """Return the open targets of a model: `Service shop` is open to the whole mesh, `pod shop-0` to all.

    Where the mesh is hardened, its policies in the root namespace are on all Services and pods. In audit mode
    all is open.
    """
    return [*sorted(_services(cluster, model)), *sorted(_pods(cluster, model))]


def _services(cluster: Cluster, model: str) -> Iterator[str]:
    for service in cluster.services:
        if service.namespace != model or not service.waypoint:
            continue
        is_in_mesh = any(pod.in_mesh and service.selects(pod) for pod in cluster.pods)
        if is_in_mesh and not _closes(waypoint_policies(cluster, service)):
            yield f"Service {service.name}"


def _pods(cluster: Cluster, model: str) -> Iterator[str]:
    for pod in cluster.pods:
        if pod.namespace == model and pod.in_mesh and not _closes(ztunnel_policies(cluster, pod)):
            yield f"pod {pod.name}"


def _closes(policies: Iterable[LivePolicy]) -> bool:
    policies = list(policies)
    is_open = any(policy.is_for_audit for policy in policies)
    return not is_open and any(allows(policy) and not policy.dry_run for policy in policies)
