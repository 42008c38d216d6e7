"""All that a beacon has in Kubernetes, made what it should be."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import ops

import consumers
from beacon_policies import BeaconPolicies
from charmlibs.interfaces.service_mesh import (
    Deadline,
    MeshPolicy,
    PolicyRequest,
    kubernetes_client,
    kubernetes_errors,
    reconcile_charm_labels,
)
from kubernetes_status import KubernetesSilentError, status_of, statuses_of
from mesh_namespace import MeshNamespace, NamespaceTakenError
from mesh_resources import Owner, label_value
from service_owners import ServiceOwners
from waypoint import Waypoint

if TYPE_CHECKING:
    from lightkube import Client

    _Step: TypeAlias = Callable[[Client], "Outcome"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wanted:
    """What there is to be; the defaults are what is to be left of a beacon that is removed: nothing."""

    replicas: int = 0
    """How many pods the waypoint has."""
    requests: Sequence[PolicyRequest] = ()
    """What consumers ask for."""
    own_policies: Sequence[MeshPolicy] = ()
    """Who may reach the beacon itself."""
    manage_policies: bool = False
    """Whether that becomes policies."""
    restrict_consumers: bool = True
    """Whether a consumer may ask for policies on itself only."""
    model_on_mesh: bool = False
    """Whether the mesh takes in the whole namespace, rather than single pods."""


@dataclass(frozen=True)
class Outcome:
    """What an operator should know of what was done."""

    statuses: list[ops.StatusBase]
    """The most urgent of them is to be shown."""
    refused: int = 0
    """How many policies are not made true, through no fault of the beacon's."""


@dataclass(frozen=True)
class ModelMesh:
    """The waypoint, the policies and the labels of one beacon."""

    owner: Owner
    waypoint: Waypoint
    wanted: Wanted
    deadline: Deadline = field(default_factory=Deadline)
    """When Kubernetes is asked nothing more."""

    def reconcile(self) -> Outcome:
        """Make it all as it is wanted; a step that fails does not keep the others from being done."""
        statuses: list[ops.StatusBase] = []
        refused = 0
        try:
            client = self._client()
            for step in self._steps():
                if self.deadline.is_over:
                    raise KubernetesSilentError("Kubernetes is slow: the rest is done at the next event")
                outcome = self._attempt(step, client)
                statuses += outcome.statuses
                refused += outcome.refused
        except KubernetesSilentError as silence:
            statuses.append(ops.WaitingStatus(str(silence)))
        return Outcome(statuses, refused)

    def _client(self) -> "Client":
        try:
            return kubernetes_client(self.owner.model, self.owner.app, self.deadline)
        except kubernetes_errors() as error:
            raise KubernetesSilentError(f"no way to Kubernetes: {error}") from None

    def _steps(self) -> "list[_Step]":
        in_order = [self._reconcile_waypoint, self._reconcile_policies, self._reconcile_namespace]
        if not self.wanted.replicas:
            # Traffic is led away from the waypoint before it goes.
            in_order.reverse()
        # Last, because it restarts the pod that this runs in.
        return [*in_order, self._reconcile_own_labels]

    def _attempt(self, step: "_Step", client: "Client") -> Outcome:
        try:
            return step(client)
        except NamespaceTakenError as taken:
            return Outcome([ops.BlockedStatus(str(taken))])
        except kubernetes_errors() as error:
            return Outcome([status_of(error, self.owner.app)])

    def _reconcile_waypoint(self, client: "Client") -> Outcome:
        replicas = self.wanted.replicas
        result = self.waypoint.reconcile(client, replicas=replicas)
        if result.changed:
            logger.info("waypoint %s is to have %s", self.waypoint.name, _count(replicas, "replica"))
        if result.failed or not replicas:
            return Outcome(statuses_of(result.failed, self.owner.app))
        problem = self.waypoint.problem(result)
        return Outcome([ops.WaitingStatus(problem)] if problem else [])

    def _reconcile_policies(self, client: "Client") -> Outcome:
        policies = BeaconPolicies(self.owner)
        number = len(self.wanted.requests)
        if not self.wanted.manage_policies:
            result = policies.reconcile(client)
            active = ops.ActiveStatus(f"{_count(number, 'consumer')}, policies are not managed")
            return Outcome([*statuses_of(result.failed, self.owner.app), active])
        known = consumers.load(
            self.wanted.requests,
            model=self.owner.model,
            service_owner=ServiceOwners(client, self.owner.model) if self.wanted.restrict_consumers else None,
        )
        result = policies.reconcile(
            client,
            consumers=known,
            own=self.wanted.own_policies,
            admit_model_operator=self.wanted.model_on_mesh,
        )
        policy_count = _count(policies.count(result), "policy", "policies")
        active = ops.ActiveStatus(f"{policy_count} for {_count(number, 'consumer')}")
        return Outcome(
            [*statuses_of(result.failed, self.owner.app), *consumers.statuses(known), active],
            consumers.refused(known),
        )

    def _reconcile_namespace(self, client: "Client") -> Outcome:
        namespace = MeshNamespace(self.owner.model, label_value(self.owner.mark), self.waypoint.mesh_labels)
        namespace.reconcile(client, on_mesh=self.wanted.model_on_mesh)
        return Outcome([])

    def _reconcile_own_labels(self, client: "Client") -> Outcome:
        pods_on_mesh = self.wanted.replicas and not self.wanted.model_on_mesh
        reconcile_charm_labels(
            client=client,
            app_name=self.owner.app,
            namespace=self.owner.model,
            label_configmap_name=f"juju-service-mesh-{self.owner.app}-labels",
            labels=self.waypoint.mesh_labels if pods_on_mesh else {},
        )
        return Outcome([])


def _count(number: int, one: str, several: str = "") -> str:
    return f"{number} {one if number == 1 else several or f'{one}s'}"
