"""The enforcement of the beacon's policies, as Istio reports it on each."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from istio_policies import Enforcement, enforcement, requested_by, requesters
from k8s_charm import ReconcileResult, Resource, manifest, metadata, sublist
from problems import Problem, ProblemKind, waiting
from relation_data import Message, one_line

_LONGEST_REASON = 200
_CAUSES = {"AncestorNotBound": "not bound to a waypoint"}
"""Shorter words than Istio's, to leave room for the remedy; its own are in the actions."""
_REMEDIES = {
    "AncestorNotBound": (": if it persists: ", "juju trust {app} --scope=cluster"),
    "TargetNotFound": (": ", "create it"),
}
"""Code of Istio → the words before the remedy, and the remedy."""


@dataclass(frozen=True)
class PolicyEnforcement:
    """The enforcement of the policies in Kubernetes.

    A report on a policy that was written just now is outdated. A mesh that reports nothing is not a problem.
    """

    result: ReconcileResult
    is_audit: bool
    without_pods: Collection[str]
    """The policies that are on pods and are known to select none."""

    def summary(self, policies: Collection[Resource]) -> str:
        """Return the number of enforced policies in words, to follow the number of all."""
        known = [report for policy in policies if (report := self._report(policy)).enforced is not None]
        enforced = sum(bool(report.enforced) for report in known)
        if not known:
            return ""
        if enforced == len(policies):
            return ", enforced" if enforced == 1 else ", all enforced"
        return f", {enforced} enforced{' so far' if len(known) < len(policies) else ''}"

    def select_any(self, policies: Collection[Resource]) -> bool:
        """Return whether any of the policies selects a pod; True if that is not known."""
        return not all(self._selects_none(policy) for policy in policies)

    def problems(self) -> list[Problem]:
        """Return the problems, one for all policies with the same reason."""
        alike: defaultdict[tuple[str, str], list[Resource]] = defaultdict(list)
        for policy in self.result.live:
            report = self._report(policy)
            # A policy that is no longer requested is for a Service only if that uses a waypoint.
            if report.enforced is False and requested_by(policy):
                alike[report.code, report.reason].append(policy)
        return [waiting(_message(*why, found), ProblemKind.enforcement) for why, found in alike.items()]

    def _report(self, policy: Resource) -> Enforcement:
        (report,) = enforcement([policy])
        is_new = report.ref in self.result.created or report.ref in self.result.updated
        # ztunnel ignores policies in audit mode, as the status reports for all of them.
        is_ignored = self.is_audit and not sublist(manifest(policy), "spec", "targetRefs")
        if is_new or is_ignored:
            return Enforcement(report.ref, None, "")
        if report.enforced and self._selects_none(policy):
            return Enforcement(report.ref, None, "")
        return report

    def _selects_none(self, policy: Resource) -> bool:
        own = metadata(policy)
        return f"{own['namespace']}/{own['name']}" in self.without_pods


def _message(code: str, reason: str, policies: Collection[Resource]) -> Message:
    apps = sorted(requesters(policies))
    what = "a policy" if len(policies) == 1 else f"{len(policies)} policies"
    if len(apps) == 1:
        what += f" of {apps[0]}"
    lead, remedy = _REMEDIES.get(code, ("", ""))
    words = _CAUSES.get(code) or one_line(" ".join(reason.split()), longest=_LONGEST_REASON)
    remedy = remedy.format(app=apps[0] if apps else "…")
    return Message("not enforced", ": ".join(filter(None, [what, words])), remedy, lead)
