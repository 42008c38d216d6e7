"""The statuses of a coordinator's unit, the most severe of which Juju shows."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import ops

from .startup import Startup
from .text import in_short


@dataclass(frozen=True)
class CoordinatorFindings:
    """The findings of a hook that a coordinator's status depends on."""

    cluster_endpoint: str
    has_workers: bool
    is_coherent: bool
    missing_roles: Iterable[str]
    store_problem: str | None
    """The reason why there is no object store; None if there is one, or the charm uses none."""
    certificate_problem: str | None
    mesh_problem: str | None
    resources: ops.StatusBase
    problems: Iterable[ops.StatusBase]
    """The statuses of the requests to Kubernetes that failed."""
    containers: Mapping[str, bool]
    """Container → whether it can be reached."""
    nginx_problems: Iterable[str]
    remarks: Iterable[str]
    """Remarks that are not the coordinator's own problems, shown when there are no problems."""


def coordinator_statuses(
    found: CoordinatorFindings, startup: Startup, *, default_message: str
) -> Iterator[ops.StatusBase]:
    """Return a status for each finding, and an active one with the default message and the remarks."""
    if not found.has_workers:
        yield startup.status(f"no workers: integrate a worker over {found.cluster_endpoint!r}")
    elif not found.is_coherent:
        missing = ", ".join(sorted(found.missing_roles))
        yield startup.status(
            f"no worker has the role {missing}" if missing else "the cluster is not coherent"
        )
    if found.store_problem:
        yield startup.status(f"s3: {found.store_problem}")
    if found.certificate_problem:
        yield ops.BlockedStatus(found.certificate_problem)
    if found.mesh_problem:
        yield ops.BlockedStatus(f"invalid data from the mesh: {found.mesh_problem}")
    if not isinstance(found.resources, ops.ActiveStatus):
        yield found.resources
    yield from found.problems
    for container, is_reachable in found.containers.items():
        if not is_reachable:
            yield ops.WaitingStatus(f"waiting for container {container}")
    for problem in found.nginx_problems:
        yield ops.BlockedStatus(f"nginx: {problem}")
    yield ops.ActiveStatus(in_short([text for text in (default_message, *found.remarks) if text]))
