"""The AuthorizationPolicies of a beacon."""

from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import dataclass
from http import HTTPStatus

import access_changes
import consumers
from additional_policies import (
    additional_policies,
    is_waypoint_access,
    model_operator_policies,
    waypoint_access,
)
from beacon_config import PolicyMode
from consumers import Consumer
from desired_state import DesiredState
from former_consumers import FormerConsumers, former_consumers
from istio_policies import (
    ROOT_NAMESPACE,
    DesiredPolicies,
    PolicyRequestFrom,
    holds_everywhere,
    list_policies,
    plan_policies,
    requested_by,
    requesters,
)
from k8s_charm import Live, ReconcileResult, Resource, apply, reference
from kubernetes_problems import problems_of
from mesh_inspection import UnreadableClusterError
from model_objects import ModelObjects
from policy_report import PolicyReport
from steps import ObjectsPlan, StepResult
from waypoint import Waypoint

SCOPE = "istio-authorization-policy"
"""The purpose of the policies, in the labels by which they are found."""


@dataclass(frozen=True)
class PolicyStep:
    """The AuthorizationPolicies of the consumers, as a step."""

    waypoint: Waypoint
    desired: DesiredState
    root_namespaces: Collection[str]
    """The namespaces whose policies on pods hold in all models; empty to read them."""
    keeps_model_operator: bool = False
    """True to keep the policies that allow Juju's model operator where they are."""

    def plan(self, model: ModelObjects) -> "PolicyPlan":
        """Plan the AuthorizationPolicies.

        Raises:
            UnreadableClusterError: if these namespaces are unknown.
            lightkube.ApiError: if Kubernetes rejects a request.
        """
        owner = model.owner
        live = list_policies(model.client, owner.labels(SCOPE), owner, model.deadline)
        if self.desired.mode is PolicyMode.off:
            return PolicyPlan(plan_policies(live, DesiredPolicies()), self)
        related = {request.relation.app.name for request in self.desired.requests} | {owner.app}
        gone = requesters(live) - related
        known = consumers.load(self.desired, model)
        unnamed = self.desired.unnamed
        former = former_consumers(model, gone, self.waypoint.name, unnamed)
        domain = self.desired.config.trust_domain
        own = self.desired.own_policies
        requests = [PolicyRequestFrom(policy, [owner.app], domain) for policy in own]
        for consumer in known:
            policies = [*consumer.granted, *waypoint_access(self.waypoint, consumer)]
            requests += (PolicyRequestFrom(policy, [consumer.app], domain) for policy in policies)
        roots = self._roots(model)
        operator = self._for_model_operator(live)
        additional = additional_policies(owner, known, self.desired, operator)
        retain = {consumer.app for consumer in known if consumer.keeps_policies} | former.reasons.keys()
        retain |= {owner.app} if unnamed else set()
        changes = plan_policies(
            live,
            DesiredPolicies(requests, retain, self.desired.is_audit),
            also=[policy for policy in additional if not holds_everywhere(policy, roots)],
            root_namespaces=roots,
        )
        return PolicyPlan(changes, self, known, former)

    def _roots(self, model: ModelObjects) -> set[str]:
        """Return the namespaces whose policies on pods hold in all models; the usual without permission."""
        try:
            return {ROOT_NAMESPACE, *(self.root_namespaces or model.control_plane.root_namespaces)}
        except UnreadableClusterError as error:
            if error.failure.code != HTTPStatus.FORBIDDEN:
                raise
            return {ROOT_NAMESPACE}

    def _for_model_operator(self, live: Live) -> list[Resource]:
        made = model_operator_policies(self.waypoint.owner)
        if self.desired.model_on_mesh:
            return made
        return [each for each in made if self.keeps_model_operator and reference(each) in live.objects]


@dataclass(frozen=True)
class PolicyPlan(ObjectsPlan):
    """The AuthorizationPolicies to write."""

    step: PolicyStep
    consumers: Sequence[Consumer] = ()
    former: FormerConsumers | None = None

    @property
    def access_changes(self) -> list[str]:
        """The requests that would be allowed, and no longer allowed, in words."""
        expected = self.writes.expected
        before, after = self._granted(expected.before), self._granted(expected.live)
        return access_changes.describe(before, after, done=False) if expected.changed else []

    def expect(self, model: ModelObjects) -> StepResult:
        """Return the result if each write succeeds."""
        return self._result(model, self.writes.expected)

    def apply(self, model: ModelObjects) -> StepResult:
        """Write the objects, and log the requests that are allowed, and no longer allowed, after that."""
        result = apply(model.client, self.writes, model.deadline)
        if result.changed:
            before, after = self._granted(result.before), self._granted(result.live)
            access_changes.log(access_changes.describe(before, after))
        return self._result(model, result)

    def _granted(self, policies: Iterable[Resource]) -> list[Resource]:
        """Omit the policies that allow the waypoint, which belong to those on Services."""
        return [each for each in policies if not is_waypoint_access(each, self.step.waypoint)]

    def _result(self, model: ModelObjects, result: ReconcileResult) -> StepResult:
        owner, desired = model.owner, self.step.desired
        model.own += result.live
        operator = model_operator_policies(owner) if desired.model_on_mesh else ()
        requested = [each for each in self._granted(result.live) if requested_by(each) - {owner.app}]
        report = PolicyReport(
            owner.app,
            desired,
            result,
            requested,
            self.consumers,
            self.former,
            self._unwritten(result),
            operator,
        )
        return StepResult(problems_of(result.failed, owner.app), result.changed, report)

    def _unwritten(self, result: ReconcileResult) -> Set[str]:
        """Return the applications with policies that could not be written."""
        failed = {failure.ref for failure in result.failed}
        writes = (*self.writes.create, *self.writes.update)
        return requesters(write.desired for write in writes if write.desired and write.ref in failed)
