"""Failed requests to Kubernetes, as problems of the beacon."""

from collections.abc import Iterable

from k8s_charm import Failure, is_transient, kubernetes_code, kubernetes_problem
from problems import Problem


class KubernetesUnavailableError(Exception):
    """Kubernetes gave no answer, so that further requests are not sent."""


def problem_of(problem: Failure | Exception, app: str) -> Problem:
    """Return a failed request as a problem.

    Raises:
        KubernetesUnavailableError: if there was no answer to a read.
    """
    message = kubernetes_problem(problem, app=app)
    code = problem.code if isinstance(problem, Failure) else kubernetes_code(problem)
    if code is None and (isinstance(problem, Exception) or problem.verb == "list"):
        raise KubernetesUnavailableError(str(message))
    return Problem(message, is_transient(problem))


def problems_of(failures: Iterable[Failure], app: str) -> list[Problem]:
    """Return failed requests as problems, equal ones once.

    Raises:
        KubernetesUnavailableError: if there was no answer to a read.
    """
    return list(dict.fromkeys(problem_of(each, app) for each in failures))
