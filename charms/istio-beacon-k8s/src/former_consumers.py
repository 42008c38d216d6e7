"""Applications that are no longer related, and keep their policies for now."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from istio_policies import APPLICATION_LABEL
from k8s_charm import kubernetes_errors, kubernetes_problem, labels_of
from model_objects import USE_WAYPOINT, ModelObjects
from problems import Problem, ProblemKind, blocked, waiting
from relation_data import Message


@dataclass(frozen=True)
class FormerConsumers:
    """Applications that are not known to be related, and whose policies are kept.

    Those whose Service or pods still have the mesh's labels are about to remove them, or to replace them by
    those of another beacon. Until then, their policies are kept: without these, a hardened mesh would deny
    all requests there, and one that is not hardened would allow all. So are the policies of all others while
    Juju does not name the application of a relation, which may be any of them.
    """

    reasons: Mapping[str, str]
    """The reason that the policies of each are kept."""
    problems: tuple[Problem, ...] = ()
    """The problems to show."""


def former_consumers(
    model: ModelObjects, gone: Set[str], waypoint: str, unnamed: Sequence[str]
) -> FormerConsumers:
    """Select, of the applications that are `gone`, those whose policies are kept.

    All of them are kept if there are relations whose application is `unnamed`.
    """
    if unnamed:
        relations, apps = ", ".join(unnamed), ", ".join(sorted(gone)) or "none"
        problem = waiting(
            f"Juju names no application of {relations}; keeping policies of {apps}",
            ProblemKind.pending_policies,
        )
        return FormerConsumers(dict.fromkeys(gone, str(problem.message)), (problem,))
    if not gone:
        return FormerConsumers({})
    try:
        by_service = gone & model.apps_using(waypoint)
        pods = map(labels_of, model.pods if gone - by_service else ())
        using = {each.get(APPLICATION_LABEL) for each in pods if each.get(USE_WAYPOINT) == waypoint}
        by_pods = (gone - by_service) & using
    except kubernetes_errors() as error:
        problem = kubernetes_problem(error, app=model.owner.app)
        names = ", ".join(sorted(gone))
        why = Message(f"former consumers cannot be checked; keeping policies of {names}", str(problem))
        return FormerConsumers(dict.fromkeys(gone, str(why)), (blocked(why),))
    reasons = {
        app: f"{app} is no longer related; keeping its policies while "
        f"{'its pods are in the mesh' if app in by_pods else 'its Service uses the waypoint'}"
        for app in sorted(by_service | by_pods)
    }
    return FormerConsumers(
        reasons, tuple(waiting(why, ProblemKind.pending_policies) for why in reasons.values())
    )
