"""What went wrong in Kubernetes, as an operator is told of it."""

from collections.abc import Iterable

from k8s_charm import Failure, is_transient, kubernetes_code, kubernetes_problem
from problems import Problem


class KubernetesSilentError(Exception):
    """Kubernetes gave no answer, so that to ask for more would be a waste of time."""


def problem_of(problem: Failure | Exception, app: str) -> Problem:
    """What an operator is told of a request that failed.

    Raises:
        KubernetesSilentError: if there was no answer to a question.
    """
    message = kubernetes_problem(problem, app=app)
    code = problem.code if isinstance(problem, Failure) else kubernetes_code(problem)
    if code is None and (isinstance(problem, Exception) or problem.verb == "list"):
        raise KubernetesSilentError(message)
    return Problem(message, is_transient(problem))


def problems_of(failures: Iterable[Failure], app: str) -> list[Problem]:
    """What an operator is told of requests that failed; the same of several is told once.

    Raises:
        KubernetesSilentError: if there was no answer to a question.
    """
    return list(dict.fromkeys(problem_of(each, app) for each in failures))
