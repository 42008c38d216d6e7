"""Applications that are no longer related, and keep their policies for now."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from k8s_charm import kubernetes_problem
from model_services import USE_WAYPOINT, ModelServices, ServicesUnknownError
from problems import About, Problem, blocked, waiting


@dataclass
class Leaving:
    """Applications that are no longer related, and whose traffic is still led through the waypoint.

    They are about to take their labels off, alone or for those of another beacon. Until they have, they keep
    their policies: without them, a hardened mesh would refuse everybody there, and one that is not would let
    everybody in.
    """

    beacon: str
    waypoint: str
    services: ModelServices
    problems: list[Problem] = field(default_factory=list[Problem])

    def of(self, gone: Set[str]) -> Mapping[str, str]:
        """Which of the applications that are no longer related are like that, each with how long it is."""
        try:
            still_here = gone & self.services.led_through(self.waypoint)
        except ServicesUnknownError as unknown:
            problem = kubernetes_problem(unknown.problem, app=self.beacon)
            names = ", ".join(sorted(gone))
            why = f"{names} left, and may keep policies for that: {problem}"
            self.problems.append(blocked(why))
            return dict.fromkeys(gone, why)
        keeping = {
            app: f"{app} is no longer related, and keeps its policies until its Service has no label "
            f"{USE_WAYPOINT}={self.waypoint} any more"
            for app in sorted(still_here)
        }
        self.problems += (waiting(why, About.pending_policies) for why in keeping.values())
        return keeping
