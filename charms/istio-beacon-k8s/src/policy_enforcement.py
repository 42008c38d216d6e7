"""Whether Istio enforces what the beacon wrote, as Istio says on each policy."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from istio_policies import Enforcement, enforcement, requested_by
from k8s_charm import ReconcileResult, manifest, one_line
from mesh_inspection import Pod, read_policy, selects_none
from problems import Problem, ProblemKind, waiting

if TYPE_CHECKING:
    from k8s_charm import Resource

_LONGEST_REASON = 200
_REMEDIES = {
    "AncestorNotBound": "if it stays so, `juju trust {app} --scope=cluster` lets it take its labels",
    "TargetNotFound": "it holds once there is one",
}


@dataclass(frozen=True)
class PolicyEnforcement:
    """What Istio says of the policies in Kubernetes.

    Of what was written just now it can't have said anything yet, whatever still stands there. On a mesh that
    says nothing at all, nothing is known, which is no problem.
    """

    result: ReconcileResult
    on_trial: bool
    pods: Collection[Pod]
    """The pods of the model; none if they are not known."""

    def summary(self, policies: "Collection[Resource]") -> str:
        """How many of some of the policies are enforced, as far as is known; to follow on their number."""
        known = [said for policy in policies if (said := self._said(policy)).enforced is not None]
        enforced = sum(bool(said.enforced) for said in known)
        if not known:
            return ""
        if enforced == len(policies):
            return ", enforced" if enforced == 1 else ", all enforced"
        return f", {enforced} enforced{' so far' if len(known) < len(policies) else ''}"

    def select_any(self, policies: "Collection[Resource]") -> bool:
        """Tell whether some of the policies select a pod; where the pods are not known, they do."""
        return not self.pods or not all(selects_none(read_policy(policy), self.pods) for policy in policies)

    def problems(self) -> list[Problem]:
        """What an operator should know, one for all policies that are not enforced for the same reason."""
        alike: defaultdict[tuple[str, str], list[Resource]] = defaultdict(list)
        for policy in self.result.live:
            said = self._said(policy)
            if said.enforced is False:
                alike[said.code, said.reason].append(policy)
        return [waiting(_line(*why, found), ProblemKind.enforcement) for why, found in alike.items()]

    def _said(self, policy: "Resource") -> Enforcement:
        (said,) = enforcement([policy])
        is_new = said.ref in self.result.created or said.ref in self.result.updated
        # ztunnel takes none that is on trial, which is told of the mode as a whole.
        left_out = self.on_trial and not manifest(policy).get("spec", {}).get("targetRefs")
        if is_new or left_out:
            return Enforcement(said.ref, None, "")
        if said.enforced and selects_none(read_policy(policy), self.pods):
            return Enforcement(said.ref, None, "")
        return said


def _line(code: str, reason: str, policies: "Collection[Resource]") -> str:
    apps = sorted({app for policy in policies for app in requested_by(policy)})
    what = f"a policy of {apps[0]} is" if len(policies) == 1 and apps else f"{len(policies)} policies are"
    if len(policies) > 1 and len(apps) == 1:
        what = f"{len(policies)} policies of {apps[0]} are"
    remedy = _REMEDIES.get(code, "").format(app=apps[0] if apps else "…")
    words = one_line(" ".join(reason.split()), longest=_LONGEST_REASON)
    return ": ".join(filter(None, [f"{what} not enforced", words, remedy]))
