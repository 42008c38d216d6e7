"""The configuration that istiod has sent to ztunnel, and its meaning there.

The rules are those of Istio's pkg/workloadapi/security/authorization.proto.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..control_plane import Istiod

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Ambient:
    """Pods, Services and policies, as istiod's debug page `ambientz` shows them."""

    workloads: Mapping[str, Json]
    """Pods by namespace and name."""
    services: Mapping[str, Json]
    """Services by namespace and name."""
    policies: Mapping[str, Json]
    """Policies by namespace and name."""

    @classmethod
    def of(cls, istiod: Istiod) -> Ambient:
        """Return the configuration that istiod has sent so far."""
        page = istiod.debug("ambientz")
        kinds = [
            {f"{each['namespace']}/{each['name']}": each for each in page[kind] or ()}
            for kind in ("workloads", "services", "policies")
        ]
        return cls(*kinds)

    def pod_at(self, address: str) -> str | None:
        """Return the pod that has an address, as namespace and name."""
        encoded = base64.b64encode(address.encode()).decode()
        for name, workload in self.workloads.items():
            if encoded in workload.get("addresses", ()):
                return name
        return None

    def policies_on(self, pod: str) -> list[Json]:
        """Return the policies that ztunnel enforces at a pod."""
        attached = self.workloads.get(pod, {}).get("authorizationPolicies", ())
        namespace = pod.partition("/")[0]
        everywhere = [
            policy
            for policy in self.policies.values()
            if policy.get("scope", "GLOBAL") == "GLOBAL"
            or (policy["scope"] == "NAMESPACE" and policy["namespace"] == namespace)
        ]
        return [policy for name in attached if (policy := self.policies.get(name))] + everywhere

    def is_in_mesh(self, pod: str) -> bool:
        """Return whether ztunnel takes the connections to a pod."""
        return self.workloads.get(pod, {}).get("tunnelProtocol") == "HBONE"

    def admits(self, pod: str, principal: str | None, port: int) -> bool:
        """Return whether ztunnel allows a connection.

        Args:
            pod: the pod, as namespace and name.
            principal: the source; None for one outside the mesh.
            port: the port of the pod.
        """
        if not self.is_in_mesh(pod):
            return True
        policies = [policy for policy in self.policies_on(pod) if not policy.get("dryRun")]
        allowing = [policy for policy in policies if policy.get("action", "ALLOW") == "ALLOW"]
        denying = [policy for policy in policies if policy not in allowing]
        if any(_applies(policy, principal, port) for policy in denying):
            return False
        return not allowing or any(_applies(policy, principal, port) for policy in allowing)


def _applies(policy: Json, principal: str | None, port: int) -> bool:
    return any(
        all(
            any(_matches(match, principal, port) for match in rule.get("matches", ()))
            for rule in group.get("rules", ())
        )
        for group in policy.get("groups", ())
    )


def _matches(match: Json, principal: str | None, port: int) -> bool:
    known = {"namespaces", "notNamespaces", "principals", "notPrincipals"}
    known |= {"destinationPorts", "notDestinationPorts"}
    if unknown := match.keys() - known:
        raise ValueError(f"a match of {', '.join(sorted(unknown))} is not known here")
    namespace = principal.split("/")[2] if principal else None
    return (
        _is_one_of(match.get("principals"), principal)
        and _is_one_of(match.get("namespaces"), namespace)
        and not ("notPrincipals" in match and _is_one_of(match["notPrincipals"], principal))
        and not ("notNamespaces" in match and _is_one_of(match["notNamespaces"], namespace))
        and port in match.get("destinationPorts", [port])
        and port not in match.get("notDestinationPorts", ())
    )


def _is_one_of(patterns: list[Json] | None, text: str | None) -> bool:
    """Return whether some pattern matches, or there is none."""
    return patterns is None or (text is not None and any(_fits(pattern, text) for pattern in patterns))


def _fits(pattern: Json, text: str) -> bool:
    [(kind, value)] = pattern.items()
    if kind == "exact":
        return text == value
    if kind == "prefix":
        return text.startswith(value)
    if kind == "suffix":
        return text.endswith(value)
    return True  # presence
