"""What went wrong in Kubernetes, as an operator is told of it."""

from collections.abc import Iterable

import ops

from charmlibs.interfaces.service_mesh import kubernetes_code
from mesh_resources import Failure, kubernetes_problem, passes_by_itself


class KubernetesSilentError(Exception):
    """Kubernetes gave no answer, so that to ask for more would be a waste of time."""


def status_of(problem: Failure | Exception, app: str) -> ops.StatusBase:
    """Blocked if an operator has to do something, waiting if it passes by itself.

    Raises:
        KubernetesSilentError: if there was no answer to a question.
    """
    message = kubernetes_problem(problem, app=app)
    code = problem.code if isinstance(problem, Failure) else kubernetes_code(problem)
    if code is None and (isinstance(problem, Exception) or problem.verb == "list"):
        raise KubernetesSilentError(message)
    return ops.WaitingStatus(message) if passes_by_itself(problem) else ops.BlockedStatus(message)


def statuses_of(failures: Iterable[Failure], app: str) -> list[ops.StatusBase]:
    """One status for all that failed: the worst, and how many others there are; none if nothing failed.

    Raises:
        KubernetesSilentError: if there was no answer to a question.
    """
    distinct = {status.message: status for status in (status_of(each, app) for each in failures)}
    if not distinct:
        return []
    worst = min(distinct.values(), key=lambda status: isinstance(status, ops.WaitingStatus))
    more = f" (and {len(distinct) - 1} more)" if len(distinct) > 1 else ""
    return [type(worst)(f"{worst.message}{more}")]
