"""All that a beacon has in Kubernetes, made what it should be."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import consumers
import mesh_history
from beacon_config import PolicyMode
from beacon_policies import BeaconPolicies
from charmlibs.interfaces.service_mesh import WAYPOINT_LABELS, MeshPolicy, PolicyRequest
from k8s_charm import (
    Deadline,
    Owner,
    ReconcileResult,
    kubernetes_client,
    kubernetes_errors,
    label_value,
    reconcile_charm_labels,
)
from kubernetes_status import KubernetesSilentError, problem_of, problems_of
from leaving import Leaving
from mesh_namespace import MeshNamespace, NamespaceTakenError
from model_services import ModelServices
from policy_enforcement import PolicyEnforcement
from problems import About, Problem, blocked, waiting
from rehearsal import Rehearsal
from waypoint import Waypoint

if TYPE_CHECKING:
    from lightkube import Client

logger = logging.getLogger(__name__)

ON_TRIAL = (
    "on trial, they refuse nobody and let in nobody; those on pods Istio leaves out, unless "
    "AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY is on; a hardened mesh refuses all that only they allow"
)


@dataclass(frozen=True)
class Wanted:
    """What there is to be; the defaults are what is to be left of a beacon that is removed: nothing."""

    replicas: int = 0
    """How many pods the waypoint has."""
    requests: Sequence[PolicyRequest] = ()
    """What consumers ask for."""
    own_policies: Sequence[MeshPolicy] = ()
    """Who may reach the beacon itself."""
    mode: PolicyMode = PolicyMode.off
    """What becomes of that."""
    restrict_consumers: bool = True
    """Whether a consumer may ask for policies on itself only."""
    model_on_mesh: bool = False
    """Whether the mesh takes in the whole namespace, rather than single pods."""


class Outcome(NamedTuple):
    """What came of it."""

    problems: Sequence[Problem]
    """What an operator should know."""
    summary: str = ""
    """How things are where there is no problem."""
    is_model_on_mesh: bool = False
    """Whether the namespace is known to have all of the model in the mesh."""


_Step: TypeAlias = "Callable[[Client], Outcome]"


@dataclass(frozen=True)
class ModelMesh:
    """The waypoint, the policies and the labels of one beacon."""

    owner: Owner
    waypoint: Waypoint
    wanted: Wanted
    rehearsal: Rehearsal | None = None
    """Where to note what would be done, so that nothing is done; None to do it."""
    deadline: Deadline = field(default_factory=Deadline)
    """When Kubernetes is asked nothing more."""

    def reconcile(self) -> Outcome:
        """Make it all as it is wanted; a step that fails does not keep the others from being done."""
        problems: list[Problem] = []
        summary = ""
        on_mesh = False
        try:
            client = self._client()
            for step in self._steps():
                if self.deadline.is_over:
                    raise KubernetesSilentError("Kubernetes is slow: the rest is done at the next event")
                outcome = self._attempt(step, client)
                problems += outcome.problems
                summary = outcome.summary or summary
                on_mesh = on_mesh or outcome.is_model_on_mesh
        except KubernetesSilentError as silence:
            problems.append(waiting(str(silence)))
            self._know_less()
        if any(problem.about in (About.waypoint, About.work_on_waypoint) for problem in problems):
            # What comes of that need not be told, too.
            problems = [problem for problem in problems if problem.about is not About.enforcement]
        return Outcome(problems, summary, on_mesh)

    def _client(self) -> "Client":
        try:
            return kubernetes_client(self.owner.model, self.owner.app, self.deadline)
        except kubernetes_errors() as error:
            raise KubernetesSilentError(f"no way to Kubernetes: {error}") from None

    def _steps(self) -> "list[_Step]":
        if not self.wanted.replicas:
            # Traffic is led away from the waypoint before it goes.
            return [
                self._reconcile_namespace,
                self._reconcile_policies,
                self._reconcile_waypoint,
                self._reconcile_own_labels,
            ]
        # The labels of its own pod last, because they restart the pod that this runs in.
        labels = (
            [self._join_as_model]
            if self.wanted.model_on_mesh
            else [self._reconcile_namespace, self._reconcile_own_labels]
        )
        return [self._reconcile_waypoint, self._reconcile_policies, *labels]

    def _attempt(self, step: "_Step", client: "Client") -> Outcome:
        try:
            return step(client)
        except NamespaceTakenError as taken:
            return Outcome([blocked(str(taken))])
        except kubernetes_errors() as error:
            self._know_less()
            return Outcome([problem_of(error, self.owner.app)])

    def _know_less(self) -> None:
        if self.rehearsal:
            self.rehearsal.is_complete = False

    def _take_note(self, result: ReconcileResult) -> None:
        if self.rehearsal:
            self.rehearsal.note(result)

    def _reconcile_waypoint(self, client: "Client") -> Outcome:
        replicas = self.wanted.replicas
        result = self.waypoint.reconcile(client, replicas=replicas, write=not self.rehearsal)
        self._take_note(result)
        if result.changed and not self.rehearsal:
            logger.info("waypoint %s is to have %s", self.waypoint.name, _count(replicas, "replica"))
        if result.failed or not replicas:
            failed = problems_of(result.failed, self.owner.app)
            return Outcome([replace(problem, about=About.work_on_waypoint) for problem in failed])
        problem = self.waypoint.problem(client, result, replicas)
        return Outcome([waiting(problem, About.waypoint)] if problem else [])

    def _reconcile_policies(self, client: "Client") -> Outcome:
        policies = BeaconPolicies(self.owner)
        number = _count(len(self.wanted.requests), "consumer")
        if self.wanted.mode is PolicyMode.off:
            result = policies.reconcile(client, write=not self.rehearsal)
            self._tell_doors(result)
            failed = problems_of(result.failed, self.owner.app)
            return Outcome(failed, f"{number}, policies are not managed")
        on_trial = self.wanted.mode is PolicyMode.audit
        services = ModelServices(client, self.owner.model)
        known = consumers.load(
            self.wanted.requests,
            owner=self.owner,
            services=services if self.wanted.restrict_consumers else None,
        )
        leaving = Leaving(self.owner.app, self.waypoint.name, services)
        result = policies.reconcile(
            client,
            consumers=known,
            own=self.wanted.own_policies,
            leaving=leaving.of,
            admit_model_operator=self.wanted.model_on_mesh,
            on_trial=on_trial,
            write=not self.rehearsal,
        )
        self._tell_doors(result)
        enforcement = PolicyEnforcement(result, on_trial)
        asked_for = policies.asked_for(result)
        summary = f"{_count(len(asked_for), 'policy', 'policies')} for {number}"
        return Outcome(
            [
                *problems_of(result.failed, self.owner.app),
                *(problem for consumer in known for problem in consumers.problems(consumer, self.owner.app)),
                *leaving.problems,
                *enforcement.problems(),
            ],
            f"audit: {summary} {ON_TRIAL}" if on_trial else summary + enforcement.summary(asked_for),
        )

    def _tell_doors(self, result: ReconcileResult) -> None:
        self._take_note(result)
        if result.changed:
            doors = mesh_history.changes(result.before, result.live, done=not self.rehearsal)
            if self.rehearsal:
                self.rehearsal.doors += doors
            else:
                mesh_history.record(doors)

    def _join_as_model(self, client: "Client") -> Outcome:
        """Take labels of its own off the pod only once the namespace has them: it never leaves the mesh."""
        self._reconcile_namespace(client)
        own = self._attempt(self._reconcile_own_labels, client)
        return own._replace(is_model_on_mesh=True)

    def _reconcile_namespace(self, client: "Client") -> Outcome:
        namespace = MeshNamespace(self.owner.model, label_value(self.owner.mark), self.waypoint.mesh_labels)
        on_mesh = self.wanted.model_on_mesh
        if namespace.reconcile(self._writer(client), on_mesh=on_mesh) and not self.rehearsal:
            logger.info("namespace %s %s the mesh", namespace.name, "joins" if on_mesh else "leaves")
        return Outcome([])

    def _reconcile_own_labels(self, client: "Client") -> Outcome:
        pods_on_mesh = self.wanted.replicas and not self.wanted.model_on_mesh
        reconcile_charm_labels(
            client=self._writer(client),
            app_name=self.owner.app,
            namespace=self.owner.model,
            label_configmap_name=f"juju-service-mesh-{self.owner.app}-labels",
            labels=self.waypoint.mesh_labels if pods_on_mesh else {},
            # All of its own policies are on pods.
            not_on_service=WAYPOINT_LABELS,
        )
        return Outcome([])

    def _writer(self, client: "Client") -> "Client":
        return self.rehearsal.client(client) if self.rehearsal else client


def _count(number: int, one: str, several: str = "") -> str:
    return f"{number} {one if number == 1 else several or f'{one}s'}"
