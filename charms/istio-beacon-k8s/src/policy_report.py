"""The report on the beacon's policies: the problems, and a summary for the status."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import consumers
from beacon_config import PolicyMode
from charmlibs.interfaces.service_mesh import PolicyRequest
from consumers import Consumer
from desired_state import DesiredState
from former_consumers import FormerConsumers
from istio_policies import requested_by, target_names
from k8s_charm import ReconcileResult, Resource, manifest, subtree
from observed_mesh import ObservedMesh
from policy_enforcement import PolicyEnforcement
from problems import Problem, blocked
from relation_data import Message

_MOST_NAMES = 3
LOGGED = "logged, not enforced"


@dataclass(frozen=True)
class PolicyReport:
    """The result of writing the policies, for a report together with the mesh around them."""

    app: str
    """The beacon's application."""
    desired: DesiredState
    result: ReconcileResult
    requested: Sequence[Resource] = ()
    """The live policies that consumers request."""
    consumers: Sequence[Consumer] = ()
    former: FormerConsumers | None = None
    unwritten: Collection[str] = ()
    """The consumers of whose policies some failed to be written."""
    for_model_operator: Sequence[Resource] = ()
    """The policies that allow all requests to Juju's model operator."""

    @property
    def depends_on_mesh(self) -> bool:
        """True if the report depends on the mesh around the policies."""
        return self.is_listed and self.desired.mode is not PolicyMode.off

    @property
    def is_listed(self) -> bool:
        """Return whether the live policies are known."""
        return not any(failure.verb == "list" for failure in self.result.failed)

    def has_written(self, request: PolicyRequest) -> bool:
        """Return whether the policies of a consumer are written, as far as they are valid and granted."""
        if self.desired.mode is PolicyMode.off:
            return True
        return not request.is_awaited and request.relation.app.name not in self.unwritten

    @property
    def services(self) -> dict[str, set[str]] | None:
        """Return the Services on which policies are, by the consumer; None if none are managed."""
        if self.desired.mode is PolicyMode.off:
            return None
        found: defaultdict[str, set[str]] = defaultdict(set)
        for policy in self.requested:
            for app in requested_by(policy):
                found[app] |= target_names(subtree(manifest(policy), "spec"))
        return found

    def problems(self, mesh: ObservedMesh) -> list[Problem]:
        """Return the problems."""
        desired, app = self.desired, self.app
        found: list[Problem] = []
        for consumer in self.consumers:
            found += consumers.problems(consumer, app)
        found += self.former.problems if self.former else ()
        if desired.mode is PolicyMode.off:
            return found
        found += self._enforcement(mesh).problems()
        if mesh.trust_domain not in ("", desired.config.trust_domain):
            command = f"juju config {app} trust-domain={mesh.trust_domain}"
            found.append(blocked(Message("the mesh has another trust domain", remedy=command)))
        return found

    def summary(self, mesh: ObservedMesh) -> list[str]:
        """Return the state in words, and remarks, for a status without problems."""
        desired = self.desired
        number = _count(len(desired.requests), "consumer")
        if desired.mode is PolicyMode.off:
            return [f"{number}, policies are not managed"]
        summary = f"{_count(len(self.requested), 'policy', 'policies')} for {number}"
        if desired.is_audit:
            return [f"audit mode: {summary}, {LOGGED}"]
        enforcement = self._enforcement(mesh)
        remarks = [summary + enforcement.summary(self.requested)]
        if desired.model_on_mesh and not enforcement.select_any(self.for_model_operator):
            remarks.append("no pod of Juju's model operator found")
        if callers := consumers.callers(self.consumers):
            remarks.append(f"reached without a relation: {first_names(callers)}")
        if mesh.open_to_all:
            remarks.append(f"open to all: {first_names(mesh.open_to_all)}")
        return remarks

    def _enforcement(self, mesh: ObservedMesh) -> PolicyEnforcement:
        return PolicyEnforcement(self.result, self.desired.is_audit, mesh.without_pods)


def first_names(names: Sequence[str]) -> str:
    """Return the first names, and the number of the others."""
    more = len(names) - _MOST_NAMES
    return ", ".join([*names[:_MOST_NAMES], *([f"{more} more"] if more > 0 else [])])


def _count(number: int, one: str, several: str = "") -> str:
    return f"{number} {one if number == 1 else several or f'{one}s'}"
