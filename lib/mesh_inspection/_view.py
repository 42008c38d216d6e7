"""A charm's view of its policies: requested ones, declared ones, and their enforcement."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from charmlibs.interfaces.service_mesh import AppPolicy, CMRData, MeshPolicy, UnitPolicy, mesh_policy
from istio_policies import (
    TRUST_DOMAIN,
    ClusterMesh,
    DesiredPolicies,
    PolicyRequestFrom,
    authorization_policies,
    describe_sources,
)
from k8s_charm import Owner, Resource, reference

from ._cluster import LivePolicy, read_policy


@dataclass(frozen=True)
class RequestedPolicy:
    """A policy that an application requests."""

    policy: MeshPolicy
    by: str
    """The application."""
    relation: str = ""
    """The relation with another application over which it is requested, if any: `service-mesh:3`."""
    endpoint: str = ""
    """The endpoint of `by` whose relations have this policy, as far as that is known."""
    rejected: str = ""
    """Reason that it does not become a policy of the mesh; empty if it does."""
    command: str = ""
    """The command that has it accepted, if there is one."""

    @property
    def origin(self) -> str:
        """The endpoint, or else the relation, that it follows from; empty where neither is known."""
        return f"{self.by}:{self.endpoint}" if self.endpoint else self.relation


@dataclass(frozen=True)
class DeclaredPolicy:
    """A policy of an application for those related over one of its endpoints."""

    model: str
    app: str
    policy: AppPolicy | UnitPolicy

    @property
    def endpoint(self) -> str:
        """The endpoint, with its application."""
        return f"{self.app}:{self.policy.relation}"

    def for_source(self, model: str, app: str) -> MeshPolicy:
        """Return the policy that a relation with an application would have."""
        return mesh_policy(self.policy, CMRData(app_name=app, juju_model_name=model), self.app, self.model)


@dataclass(frozen=True)
class View:
    """The desired policies of one charm, and the commands that an operator is shown about them."""

    owner: Owner
    labels: Mapping[str, str]
    """The labels that select its AuthorizationPolicies."""
    requested: Sequence[RequestedPolicy] = ()
    """All requested policies."""
    declared: Sequence[DeclaredPolicy] = ()
    """The policies that further relations would have."""
    retained: Callable[[Set[str]], Mapping[str, str]] = lambda _: {}
    """Returns, of the applications that requested the live policies, those whose policies are retained
    whatever they request now, each with the reason."""
    unwritten: str = ""
    """Reason that no policy is written to Kubernetes; empty if they are."""
    write_command: str = ""
    """The command that has them written."""
    details_command: str = ""
    """The command that shows why a desired policy is not in Kubernetes."""
    dry_run: bool = False
    """True if waypoints only log the decisions of the policies."""
    enforce_command: str = ""
    """The command that has them enforced."""
    internal: bool = False
    """True if the policies are between parts of one service, so that no relation of others grants them."""
    trust_domain: str = TRUST_DOMAIN
    """The trust domain of the identities in its policies."""
    beacon: str = ""
    """The application of the owner's model to which a charm is related to join the mesh."""
    waypoint: str = ""
    """The waypoint, as `namespace/name`: policies that allow it at pods go with those on Services."""
    additional: Sequence[Resource] = ()
    """Further desired AuthorizationPolicies, which no requested policy can express."""

    @cached_property
    def accepted(self) -> list[RequestedPolicy]:
        """The requested policies that become policies of the mesh."""
        return [requested for requested in self.requested if not requested.rejected]

    @property
    def why_unwritten(self) -> str:
        """The reason that a requested policy is not in Kubernetes, with the suggested command."""
        if self.unwritten:
            return ": ".join(filter(None, [self.unwritten, self.write_command]))
        details = f"see `{self.details_command}`" if self.details_command else ""
        return ": ".join(filter(None, ["not in Kubernetes yet", details]))

    def resources(self, live: Sequence[Resource] = (), retained: Collection[str] = ()) -> list[Resource]:
        """Return the desired AuthorizationPolicies, given the live ones.

        Live policies of retained applications are among them, unchanged.
        """
        requests = [
            PolicyRequestFrom(requested.policy, [requested.by], self.trust_domain)
            for requested in self.accepted
        ]
        made = authorization_policies(
            DesiredPolicies(requests, retained, self.dry_run), live, owner=self.owner
        )
        return list({reference(each): each for each in (*made, *self.additional)}.values())

    def allows_waypoint(self, policy: LivePolicy) -> bool:
        """Return whether a policy is one that allows the waypoint at pods, and nothing else."""
        return bool(self.waypoint) and describe_sources(policy.spec) == [self.waypoint]

    def requests_behind(self, policy: LivePolicy) -> list[RequestedPolicy]:
        """Return the requested policies from which a policy follows."""
        return self._requested_by_meaning.get(meaning(policy), [])

    def relations_behind(self, policy: LivePolicy) -> list[str]:
        """Return the endpoints, or else the applications, from which a policy follows, as far as known."""
        if found := self.requests_behind(policy):
            return [f"{each.by}:{each.endpoint}" if each.endpoint else each.by for each in found]
        return list(self._declared_behind(policy))

    def _declared_behind(self, policy: LivePolicy) -> Iterator[str]:
        sources = [name.split("/") for name in describe_sources(policy.spec) if name.count("/") == 1]
        for declared in self.declared:
            for model, app in sources:
                made = self.as_policy(RequestedPolicy(declared.for_source(model, app), declared.app))
                if meaning(made) == meaning(policy):
                    yield declared.endpoint

    @cached_property
    def _requested_by_meaning(self) -> dict[str, list[RequestedPolicy]]:
        found: dict[str, list[RequestedPolicy]] = {}
        for requested in self.requested:
            found.setdefault(meaning(self.as_policy(requested)), []).append(requested)
        return found

    def as_policy(self, requested: RequestedPolicy) -> LivePolicy:
        """Return a requested policy as the AuthorizationPolicy that it becomes."""
        request = PolicyRequestFrom(requested.policy, [requested.by], self.trust_domain)
        (made,) = authorization_policies(DesiredPolicies([request]), owner=self.owner)
        return read_policy(made)


class CoordinatorInMesh(Protocol):
    """A coordinator of workers in a mesh, such as that of `coordinated_workers`."""

    @property
    def cluster_mesh(self) -> ClusterMesh:
        """The policies inside the cluster, and the beacon."""
        ...


def cluster_view(owner: Owner, coordinator: CoordinatorInMesh) -> View:
    """Return the view of a coordinator on the policies inside its cluster."""
    known = coordinator.cluster_mesh
    return View(
        owner,
        known.labels,
        requested=[RequestedPolicy(each, owner.app, endpoint=known.endpoint) for each in known.policies],
        declared=[DeclaredPolicy(owner.model, owner.app, policy) for policy in known.declared],
        unwritten="" if known.beacon else "the cluster is not in a mesh",
        write_command="" if known.beacon else f"juju integrate {owner.app}:service-mesh BEACON",
        details_command=f"juju status {owner.app}",
        waypoint=known.waypoint,
        dry_run=known.is_audit,
        enforce_command=f"juju config {known.beacon} policy-mode=enforce" if known.beacon else "",
        internal=True,
        trust_domain=known.trust_domain,
        beacon=known.beacon or "",
    )


def endpoint_of(policy: MeshPolicy, declared: Sequence[DeclaredPolicy]) -> str:
    """Return the endpoint whose relations have such a policy; empty if no declared policy matches."""
    source = (policy.source_namespace, policy.source_app_name)
    names = {each.policy.relation for each in declared if each.for_source(*source) == policy}
    return " or ".join(sorted(names))


def meaning(policy: LivePolicy) -> str:
    """Return a key that is equal for policies that allow the same."""
    return f"{policy.namespace} {json.dumps(policy.spec, sort_keys=True)}"
