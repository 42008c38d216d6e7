"""Applications that are no longer related, and keep their policies for now."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from istio_policies import APPLICATION_LABEL
from k8s_charm import Owner, kubernetes_errors, kubernetes_problem, metadata
from model_services import USE_WAYPOINT, ModelServices, ServicesUnknownError
from problems import Problem, ProblemKind, blocked, waiting

if TYPE_CHECKING:
    from lightkube import Client


@dataclass(frozen=True)
class FormerConsumers:
    """Applications that are no longer related, and whose Service or pods still have the mesh's labels.

    They are about to remove their labels, or to replace them by those of another beacon. Until then,
    their policies are kept: without these, a hardened mesh would deny all requests there, and one that is
    not hardened would allow all.
    """

    reasons: Mapping[str, str]
    """The reason that the policies of each are kept."""
    problems: tuple[Problem, ...] = ()
    """The problems to show."""


def former_consumers(
    client: "Client", gone: Set[str], services: ModelServices, waypoint: str, owner: Owner
) -> FormerConsumers:
    """Select the applications whose policies are kept.

    Args:
        client: the client.
        gone: the applications that requested policies and are no longer related.
        services: the Services of the beacon's model.
        waypoint: the beacon's waypoint.
        owner: the beacon.
    """
    if not gone:
        return FormerConsumers({})
    try:
        by_service = gone & services.using(waypoint)
        by_pods = (gone - by_service) & _with_pods(client, waypoint, owner.model)
    except (ServicesUnknownError, *kubernetes_errors()) as error:
        cause = error.problem if isinstance(error, ServicesUnknownError) else error
        problem = kubernetes_problem(cause, app=owner.app)
        why = f"former consumers cannot be checked; keeping policies of {', '.join(sorted(gone))}: {problem}"
        return FormerConsumers(dict.fromkeys(gone, why), (blocked(why),))
    reasons = {
        app: f"{app} is no longer related; keeping its policies while "
        f"{'its pods are in the mesh' if app in by_pods else 'its Service uses the waypoint'}"
        for app in sorted(by_service | by_pods)
    }
    return FormerConsumers(
        reasons, tuple(waiting(why, ProblemKind.pending_policies) for why in reasons.values())
    )


def _with_pods(client: "Client", waypoint: str, model: str) -> set[str]:
    """Return the applications with a pod whose label names the waypoint."""
    from lightkube.resources.core_v1 import Pod

    found: set[str] = set()
    for pod in client.list(Pod, namespace=model, labels={USE_WAYPOINT: waypoint}):
        labels: dict[str, str] = metadata(pod).get("labels") or {}
        found.add(labels.get(APPLICATION_LABEL, ""))
    return found
