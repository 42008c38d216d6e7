"""The statuses of a worker's unit, the most severe of which Juju shows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import ops

from relation_data import LONGEST_STATUS, in_short

from .readiness import Readiness, ServiceEndpointStatus
from .startup import Startup


@dataclass(frozen=True)
class WorkerFindings:
    """The findings of a hook that a worker's status depends on, except the readiness of its services."""

    app: str
    endpoint: str
    """The endpoint of the relation to the coordinator."""
    coordinators: int
    roles: Sequence[str]
    role_option: str
    """One of the config options by which the worker is given a role."""
    container: str
    is_reachable: bool
    """True if the container can be reached."""
    invalid: str | None
    """The reason why the coordinator's databag is unusable; None if it is usable, or empty."""
    has_config: bool


def missing_statuses(found: WorkerFindings, startup: Startup) -> Iterator[ops.StatusBase]:
    """Return a status for each thing that the worker is without, and can't run without."""
    if found.coordinators == 0:
        yield startup.status(f"no coordinator: juju integrate {found.app}:{found.endpoint} COORDINATOR")
    elif found.coordinators > 1:
        yield ops.BlockedStatus(f"{found.coordinators} coordinators over {found.endpoint}: keep only one")
    if not found.roles:
        yield ops.BlockedStatus(f"no role set: juju config {found.app} {found.role_option}=true")
    if not found.is_reachable:
        yield ops.WaitingStatus(f"waiting for container {found.container}")
    if found.coordinators and found.invalid:
        yield ops.BlockedStatus(f"invalid data from the coordinator: {found.invalid}")
    elif found.coordinators and not found.has_config:
        yield ops.WaitingStatus("waiting for the coordinator's configuration")


def running_status(readiness: Readiness, roles: Sequence[str], refused: Sequence[str]) -> ops.StatusBase:
    """Return the status of a worker that has all that it needs.

    Args:
        readiness: of its services.
        roles: the roles of the worker.
        refused: the invalid entries of the coordinator's databag.
    """
    if readiness.status is not ServiceEndpointStatus.up:
        return ops.WaitingStatus(f"{readiness.status.value}: {readiness.reason}")
    shown = "(all roles)" if list(roles) == ["all"] else ",".join(roles)
    if not refused:
        return ops.ActiveStatus(f"{shown} ready.")
    # of several there is room for the keys alone; the reasons are in the log
    entries = refused if len(refused) == 1 else list(map(_key, refused))
    beginning = f"{shown} ready. (ignored: "
    return ops.ActiveStatus(f"{beginning}{in_short(entries, longest=LONGEST_STATUS - len(beginning) - 1)})")


def _key(refused: str) -> str:
    """Return the key of an invalid entry, which is `FIELD[KEY]: REASON`."""
    entry = refused.partition(": ")[0]
    return entry.partition("[")[2].removesuffix("]") or entry
