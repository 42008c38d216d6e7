"""Applications that are no longer related, and keep their policies for now."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from k8s_charm import kubernetes_problem
from model_services import USE_WAYPOINT, ModelServices, ServicesUnknownError
from problems import Problem, ProblemKind, blocked, waiting


@dataclass(frozen=True)
class FormerConsumers:
    """Applications that are no longer related, and whose traffic still goes through the waypoint.

    They are about to remove their labels, or to replace them by those of another beacon. Until they have,
    they keep their policies: without them, a hardened mesh would deny all requests there, and one that is
    not would allow all.
    """

    reasons: Mapping[str, str]
    """Reason that each of them keeps its policies."""
    problems: tuple[Problem, ...] = ()
    """Problems that an operator should know of."""


def former_consumers(gone: Set[str], services: ModelServices, waypoint: str, beacon: str) -> FormerConsumers:
    """Select the applications that keep their policies.

    Args:
        gone: the applications that requested policies and are no longer related.
        services: those of the beacon's model.
        waypoint: the beacon's waypoint.
        beacon: the beacon's application.
    """
    if not gone:
        return FormerConsumers({})
    try:
        still_here = gone & services.using(waypoint)
    except ServicesUnknownError as unknown:
        problem = kubernetes_problem(unknown.problem, app=beacon)
        why = f"{', '.join(sorted(gone))} left, and may keep policies for that: {problem}"
        return FormerConsumers(dict.fromkeys(gone, why), (blocked(why),))
    reasons = {
        app: f"{app} is no longer related, and keeps its policies until its Service has no label "
        f"{USE_WAYPOINT}={waypoint} any more"
        for app in sorted(still_here)
    }
    return FormerConsumers(
        reasons, tuple(waiting(why, ProblemKind.pending_policies) for why in reasons.values())
    )
