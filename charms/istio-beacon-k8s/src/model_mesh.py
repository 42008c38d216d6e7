"""All objects of a beacon in Kubernetes: planned, and applied."""

from collections.abc import Callable, Collection, Container, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import ops

from beacon_config import PolicyMode
from desired_state import DesiredState
from k8s_charm import Change, Deadline, kubernetes_client, kubernetes_errors, label_value
from kubernetes_problems import KubernetesUnavailableError, problem_of
from mesh_inspection import UnreadableClusterError
from mesh_namespace import NamespaceStep, NamespaceTakenError
from mesh_plan import Plan
from model_objects import ModelObjects
from observed_mesh import NOTHING_KNOWN, ObservedMesh, observe
from own_labels import plan_own_labels, plan_without_record
from policy_report import PolicyReport, first_names
from policy_step import PolicyStep
from problems import Problem, ProblemKind, blocked, waiting
from steps import Step, StepPlan, StepResult
from unbound_services import plan_unbound_services
from waypoint import Waypoint, plan_waypoint


class Outcome(NamedTuple):
    """The result of all steps."""

    problems: list[Problem]
    """The problems to show."""
    summary: list[str]
    """The state in words, and remarks, for a status without problems."""
    labels: Mapping[str, str] | None
    """The labels that consumers should have; None while it is not known whether the namespace has them."""
    not_yet: Container[ops.Relation]
    """The relations whose application does not join the mesh yet: its policies are not written."""
    mesh: ObservedMesh | None
    """The mesh around the policies, to remember; None if it is not known."""
    policies: PolicyReport | None
    """The result of writing the policies; None if they could not be listed."""


@dataclass(frozen=True)
class ModelMesh:
    """The waypoint, the policies and the labels of one beacon."""

    waypoint: Waypoint
    desired: DesiredState
    deadline: Deadline
    root_namespaces: Collection[str]
    """The namespaces whose policies on pods hold in all models; empty to read them."""

    def reconcile(self, remembered: ObservedMesh | None = None) -> Outcome:
        """Make Kubernetes match the desired state; a step that fails does not stop the others.

        Args:
            remembered: the mesh around the policies as it was last read; None to read it. It is also read if
                something was written.
        """
        run = self._run(lambda planned, model: planned.apply(model), remembered)
        problems, summary = run.shown()
        policies = run.policies if run.policies and run.policies.is_listed else None
        requests = self.desired.requests
        not_yet = [each.relation for each in requests if not (policies and policies.has_written(each))]
        return Outcome(problems, summary, self._labels(run), not_yet, run.mesh, policies)

    def plan(self) -> Plan:
        """Return the plan of `reconcile`; nothing is written."""
        run = self._run(lambda planned, model: planned.expect(model))
        changes: list[Change] = []
        access_changes: list[str] = []
        for planned in run.plans:
            changes += planned.changes
            access_changes += planned.access_changes
        return Plan(
            changes,
            access_changes,
            run.mesh.open_to_all if run.mesh else (),
            run.shown()[0],
            run.is_complete and all(planned.is_complete for planned in run.plans),
        )

    def _run(
        self,
        carry_out: Callable[[StepPlan, ModelObjects], StepResult],
        remembered: ObservedMesh | None = None,
    ) -> "_Run":
        """Plan each step and carry it out, and read the mesh around the policies if it may have changed."""
        run = _Run(self.waypoint.owner.app, self.deadline, remembered)
        with run.until_unavailable():
            model = self._model(run)
            for step in self._steps(run):
                with run.attempt(step):
                    planned = step(model)
                    run.plans.append(planned)
                    run.add(carry_out(planned, model))
            if run.needs_mesh:
                is_read = run.policies and run.policies.depends_on_mesh and not self.deadline.is_over
                run.mesh = observe(model) if is_read else None
        return run

    def _labels(self, run: "_Run") -> Mapping[str, str] | None:
        if not self.desired.model_on_mesh:
            return self.waypoint.mesh_labels
        # Pods lose theirs once the namespace has them.
        return None if run.is_unavailable or self._namespace in run.failed else {}

    def _model(self, run: "_Run") -> ModelObjects:
        owner = self.waypoint.owner
        # With policies off, the mesh is not read.
        needs_services = run.needs_mesh and self.desired.mode is not PolicyMode.off
        try:
            client = kubernetes_client(owner.model, owner.app, self.deadline)
        except kubernetes_errors() as error:
            raise KubernetesUnavailableError(f"cannot reach Kubernetes: {error}") from None
        return ModelObjects(client, owner, self.deadline, needs_services)

    def _steps(self, run: "_Run") -> Iterator[Step]:
        """Return the steps in order; some are omitted by the results of those before them."""
        if not self.desired.replicas:
            return self._steps_of_removal()
        return self._steps_for_model(run) if self.desired.model_on_mesh else self._steps_for_pods(run)

    def _steps_of_removal(self) -> Iterator[Step]:
        # The mesh stops using the waypoint before it is removed. The beacon's own pods and Service are not
        # changed: Juju does not adopt a pod that is replaced while its application is removed.
        yield self._namespace
        yield self._unbound_services
        yield self._policies()
        yield self._waypoint
        yield plan_without_record

    def _steps_for_pods(self, run: "_Run") -> Iterator[Step]:
        yield self._waypoint
        yield self._namespace
        # No pod leaves the mesh meanwhile: the namespace loses its labels only after pods have their own.
        if run.stays_for:
            yield self._own_labels
            yield self._namespace
        if run.has_left:
            yield self._unbound_services
        yield self._policies(keeps_model_operator=bool(run.stays_for) or self._namespace in run.failed)
        # Last, because they may restart the pod that this runs in.
        yield self._own_labels

    def _steps_for_model(self, run: "_Run") -> Iterator[Step]:
        yield self._waypoint
        yield self._policies()
        if run.needs_mesh and run.policies and run.policies.is_listed:
            yield self._unbound_services
        yield self._namespace
        # Pods lose their labels once the namespace has them. Last, as above.
        if self._namespace not in run.failed:
            yield self._own_labels

    def _waypoint(self, model: ModelObjects) -> StepPlan:
        return plan_waypoint(self.waypoint, self.desired, model)

    def _policies(self, *, keeps_model_operator: bool = False) -> Step:
        return PolicyStep(self.waypoint, self.desired, self.root_namespaces, keeps_model_operator).plan

    def _namespace(self, model: ModelObjects) -> StepPlan:
        return self._namespace_step.plan(model)

    def _unbound_services(self, model: ModelObjects) -> StepPlan:
        going = "" if self.desired.replicas else model.owner.app
        return plan_unbound_services(self._namespace_step, model, leaves_alone=going)

    def _own_labels(self, model: ModelObjects) -> StepPlan:
        return plan_own_labels({} if self.desired.model_on_mesh else self.waypoint.mesh_labels, model)

    @property
    def _namespace_step(self) -> NamespaceStep:
        # If the beacon is removed, the namespace leaves the mesh without a check of its pods.
        related = [request.relation.app.name for request in self.desired.requests]
        return NamespaceStep(
            label_value(self.waypoint.owner.mark),
            self.waypoint.mesh_labels,
            self.desired.model_on_mesh,
            {self.waypoint.owner.app, *related} if self.desired.replicas else (),
        )


@dataclass
class _Run:
    """The results of the steps so far."""

    app: str
    deadline: Deadline
    mesh: ObservedMesh | None = None
    """The mesh around the policies, as far as it is known."""
    plans: list[StepPlan] = field(default_factory=list[StepPlan])
    problems: list[Problem] = field(default_factory=list[Problem])
    changed: bool = False
    """True if something was written."""
    policies: PolicyReport | None = None
    """The result of writing the policies."""
    stays_for: Sequence[str] = ()
    """The applications for whose pods the namespace stays in the mesh for now."""
    has_left: bool = False
    """True if the namespace has left the mesh in this hook."""
    failed: list[Step] = field(default_factory=list[Step])
    """The steps that failed."""
    is_complete: bool = True
    """True if the plan is complete: all live objects are known."""
    is_unavailable: bool = False
    """True if Kubernetes gave no answer."""

    @property
    def needs_mesh(self) -> bool:
        """True if the objects of others are to be read: they are not stored, or something was written."""
        return self.mesh is None or self.changed

    def add(self, result: StepResult) -> None:
        """Add the result of a step."""
        self.problems += result.problems
        self.changed |= result.changed
        self.policies = result.policies or self.policies
        self.has_left |= result.changed and result.stays_for is not None
        self.stays_for = self.stays_for if result.stays_for is None else result.stays_for

    @contextmanager
    def until_unavailable(self) -> Generator[None]:
        """Run steps until Kubernetes gives no answer."""
        try:
            yield
        except KubernetesUnavailableError as error:
            self.problems.append(waiting(str(error)))
            self.is_unavailable, self.is_complete = True, False

    @contextmanager
    def attempt(self, step: Step) -> Generator[None]:
        """Run a step, and turn its errors into problems."""
        if self.deadline.is_over:
            raise KubernetesUnavailableError("Kubernetes is slow: continuing at the next event")
        try:
            yield
        except NamespaceTakenError as taken:
            self.failed.append(step)
            self.problems.append(blocked(str(taken)))
        except (UnreadableClusterError, *kubernetes_errors()) as error:
            self.failed.append(step)
            self.is_complete = False
            cause = error.failure if isinstance(error, UnreadableClusterError) else error
            self.problems.append(problem_of(cause, self.app))

    def shown(self) -> tuple[list[Problem], list[str]]:
        """Return all problems except those that follow from a problem of the waypoint, and the summary."""
        problems, summary = list(self.problems), list[str]()
        if self.stays_for:
            apps = first_names(self.stays_for)
            problems.append(
                waiting(f"namespace stays in the mesh: pods of {apps} have no labels of their own yet")
            )
        if self.policies:
            problems += self.policies.problems(self.mesh or NOTHING_KNOWN)
            summary = self.policies.summary(self.mesh or NOTHING_KNOWN)
        kinds = {problem.kind for problem in problems}
        if not kinds.isdisjoint((ProblemKind.waypoint, ProblemKind.work_on_waypoint)):
            problems = [problem for problem in problems if problem.kind is not ProblemKind.enforcement]
        return problems, summary
