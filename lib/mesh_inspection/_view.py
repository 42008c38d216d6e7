"""What a charm knows of its policies, besides what is in Kubernetes."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from charmlibs.interfaces.service_mesh import AppPolicy, CMRData, MeshPolicy, UnitPolicy, mesh_policy
from istio_policies import Asked, authorization_policies
from k8s_charm import Owner

from ._cluster import Policy, read_policy
from ._words import sources_of

if TYPE_CHECKING:
    from k8s_charm import Resource


@dataclass(frozen=True)
class Wish:
    """A policy that an application asks for."""

    policy: MeshPolicy
    by: str
    """The application."""
    relation: str = ""
    """The relation over which it asks, if that is one with another application: `service-mesh:3`."""
    endpoint: str = ""
    """The endpoint of `by` whose relations have this policy, as far as that is known."""
    refused: str = ""
    """Why it does not become a policy of the mesh; empty if it does."""


@dataclass(frozen=True)
class Door:
    """What an application lets those do that are related over one of its endpoints."""

    model: str
    app: str
    policy: AppPolicy | UnitPolicy

    @property
    def endpoint(self) -> str:
        """The endpoint, with its application."""
        return f"{self.app}:{self.policy.relation}"

    def opened_for(self, model: str, app: str) -> MeshPolicy:
        """The policy that a relation with an application would have."""
        return mesh_policy(self.policy, CMRData(app_name=app, juju_model_name=model), self.app, self.model)


def _nothing(_: Set[str]) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class View:
    """The policies of one charm, as it wants them."""

    owner: Owner
    labels: Mapping[str, str]
    """By which its AuthorizationPolicies are found."""
    wishes: Sequence[Wish] = ()
    """All that are asked for."""
    doors: Sequence[Door] = ()
    """What relations that there may not be yet would have."""
    kept: Callable[[Set[str]], Mapping[str, str]] = _nothing
    """Tells, of all applications that asked for what there is, for which of them it stays, whatever they ask
    for now; and why."""
    unwritten: str = ""
    """Why nothing of it is in Kubernetes, with the remedy; empty if it should be."""
    look_at: str = ""
    """Where it is told what is in the way of something that should be in Kubernetes and is not."""
    dry_run: bool = False
    """Whether waypoints only record what the policies would have them do."""
    enforce: str = ""
    """The command that has them enforced."""
    internal: bool = False
    """Whether the policies are between parts of one service, and their relations no way in for others."""
    beacon: str = ""
    """The application in the owner's model with which a charm is to be related to be in the mesh."""
    also: "Sequence[Resource]" = ()
    """AuthorizationPolicies that are wanted besides, which say what no wish can."""

    @cached_property
    def granted(self) -> list[Wish]:
        """The wishes that become policies of the mesh."""
        return [wish for wish in self.wishes if not wish.refused]

    @property
    def why_unwritten(self) -> str:
        """Why something that is wanted is not in Kubernetes, with the remedy."""
        return self.unwritten or ": ".join(filter(None, ["not in Kubernetes yet", self.look_at]))

    def resources(
        self, live: "Sequence[Resource]" = (), unreadable: Collection[str] = ()
    ) -> "list[Resource]":
        """The AuthorizationPolicies that there should be, given those that there are.

        Besides these, what there is of the applications that are unreadable stays.
        """
        asked = [Asked(wish.policy, [wish.by]) for wish in self.granted]
        made = authorization_policies(
            asked, owner=self.owner, live=live, unreadable=unreadable, dry_run=self.dry_run
        )
        return [*made, *self.also]

    def wishes_behind(self, policy: Policy) -> list[Wish]:
        """The wishes because of which there is a policy."""
        return self._wishes_by_meaning.get(meaning(policy), [])

    def relations_behind(self, policy: Policy) -> list[str]:
        """The endpoints, or else the applications, because of which there is a policy, as far as is known."""
        if wishes := self.wishes_behind(policy):
            return [f"{wish.by}:{wish.endpoint}" if wish.endpoint else wish.by for wish in wishes]
        sources = [source.split("/") for source in sources_of(policy) if source.count("/") == 1]
        return [
            door.endpoint
            for door in self.doors
            for source in sources
            if meaning(self.as_policy(Wish(door.opened_for(*source), door.app))) == meaning(policy)
        ]

    @cached_property
    def _wishes_by_meaning(self) -> dict[str, list[Wish]]:
        found: dict[str, list[Wish]] = {}
        for wish in self.wishes:
            found.setdefault(meaning(self.as_policy(wish)), []).append(wish)
        return found

    def as_policy(self, wish: Wish) -> Policy:
        """The policy that a wish would be."""
        (made,) = authorization_policies([Asked(wish.policy, [wish.by])], owner=self.owner)
        return read_policy(made)


class CoordinatorInMesh(Protocol):
    """What a coordinator tells of its cluster in the mesh; `coordinated_workers` has such ones."""

    @property
    def cluster_mesh(self) -> "_ClusterMesh":
        """What it knows."""
        ...


class _ClusterMesh(Protocol):
    @property
    def policies(self) -> Sequence[MeshPolicy]: ...
    @property
    def labels(self) -> Mapping[str, str]: ...
    @property
    def endpoint(self) -> str: ...
    @property
    def doors(self) -> Sequence[AppPolicy | UnitPolicy]: ...
    @property
    def beacon(self) -> str | None: ...


def cluster_view(owner: Owner, coordinator: CoordinatorInMesh) -> View:
    """What a coordinator knows of the policies inside of its cluster."""
    told = coordinator.cluster_mesh
    no_mesh = f"the cluster is in no mesh: relate {owner.app}:service-mesh to a beacon"
    return View(
        owner,
        told.labels,
        wishes=[Wish(policy, owner.app, endpoint=told.endpoint) for policy in told.policies],
        doors=[Door(owner.model, owner.app, policy) for policy in told.doors],
        unwritten="" if told.beacon else no_mesh,
        look_at=f"see the status of {owner.app}",
        internal=True,
        beacon=told.beacon or "",
    )


def endpoint_of(policy: MeshPolicy, doors: Sequence[Door]) -> str:
    """The endpoint whose relations have such a policy; empty if no door is like that."""
    source = (policy.source_namespace, policy.source_app_name)
    names = {door.policy.relation for door in doors if _same_access(door.opened_for(*source), policy)}
    return " or ".join(sorted(names))


def _same_access(one: MeshPolicy, other: MeshPolicy) -> bool:
    return one.model_dump() == other.model_dump()


def meaning(policy: Policy) -> str:
    """What is the same of two policies that let the same in."""
    return f"{policy.namespace} {json.dumps(policy.spec, sort_keys=True)}"
