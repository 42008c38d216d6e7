"""Applications that are no longer related, and keep their policies for now."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from k8s_charm import kubernetes_problem
from model_services import ModelServices, ServicesUnknownError
from problems import Problem, ProblemKind, blocked, waiting


@dataclass(frozen=True)
class FormerConsumers:
    """Applications that are no longer related, and whose traffic still goes through the waypoint.

    They are about to remove their labels, or to replace them by those of another beacon. Until then,
    their policies are kept: without these, a hardened mesh would deny all requests there, and one that is
    not hardened would allow all.
    """

    reasons: Mapping[str, str]
    """The reason that the policies of each are kept."""
    problems: tuple[Problem, ...] = ()
    """The problems to show."""


def former_consumers(gone: Set[str], services: ModelServices, waypoint: str, beacon: str) -> FormerConsumers:
    """Select the applications whose policies are kept.

    Args:
        gone: the applications that requested policies and are no longer related.
        services: the Services of the beacon's model.
        waypoint: the beacon's waypoint.
        beacon: the beacon's application.
    """
    if not gone:
        return FormerConsumers({})
    try:
        still_here = gone & services.using(waypoint)
    except ServicesUnknownError as unknown:
        problem = kubernetes_problem(unknown.problem, app=beacon)
        why = f"former consumers cannot be checked; keeping policies of {', '.join(sorted(gone))}: {problem}"
        return FormerConsumers(dict.fromkeys(gone, why), (blocked(why),))
    reasons = {
        app: f"{app} is no longer related; keeping its policies while its Service uses the waypoint"
        for app in sorted(still_here)
    }
    return FormerConsumers(
        reasons, tuple(waiting(why, ProblemKind.pending_policies) for why in reasons.values())
    )
