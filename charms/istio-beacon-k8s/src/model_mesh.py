"""All objects of a beacon in Kubernetes: planned, and applied."""

from collections.abc import Collection, Container, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import ops

from beacon_config import PolicyMode
from desired_state import DesiredState
from k8s_charm import Change, Deadline, Owner, Resource, kubernetes_client, kubernetes_errors, label_value
from kubernetes_problems import KubernetesUnavailableError, problem_of
from mesh_inspection import UnreadableClusterError
from mesh_namespace import NamespaceStep, NamespaceTakenError
from mesh_plan import Plan
from model_objects import ModelObjects
from observed_mesh import NOTHING_KNOWN, ObservedMesh, observe
from own_labels import OwnLabelsStep, OwnRecordStep
from policy_report import PolicyReport, first_names
from policy_step import PolicyStep
from problems import Problem, ProblemKind, blocked, waiting
from steps import Step, StepResult
from unbound_services import UnboundServicesStep
from waypoint import Waypoint, WaypointStep


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

    owner: Owner
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
        run = _Run(self.owner.app, self.deadline, reads_mesh=remembered is None)
        mesh = remembered
        with run.until_unavailable():
            model = self._model(run)
            for step in self._steps(run):
                with run.attempt(step):
                    run.add(step.plan(model).apply(model))
            if run.reads_mesh or run.changed:
                mesh = self._observe(model, run)
        problems, summary = run.shown(mesh)
        policies = run.policies if run.policies and run.policies.is_listed else None
        requests = self.desired.requests
        not_yet = [each.relation for each in requests if not (policies and policies.has_written(each))]
        return Outcome(problems, summary, self._labels(run), not_yet, mesh, policies)

    def _labels(self, run: "_Run") -> Mapping[str, str] | None:
        if not self.desired.model_on_mesh:
            return self.waypoint.mesh_labels
        # Pods lose theirs once the namespace has them.
        return {} if run.has_labelled_namespace else None

    def plan(self) -> Plan:
        """Return the plan of `reconcile`; nothing is written."""
        run = _Run(self.owner.app, self.deadline)
        mesh: ObservedMesh | None = None
        changes: list[Change] = []
        access_changes: list[str] = []
        with run.until_unavailable():
            model = self._model(run)
            for step in self._steps(run):
                with run.attempt(step):
                    planned = step.plan(model)
                    changes += planned.changes
                    access_changes += planned.access_changes
                    run.is_complete &= planned.is_complete
                    run.add(planned.expect(model))
            mesh = self._observe(model, run)
        problems, _ = run.shown(mesh)
        return Plan(
            tuple(changes),
            tuple(access_changes),
            mesh.open_to_all if mesh else (),
            tuple(problems),
            run.is_complete,
        )

    def _observe(self, model: ModelObjects, run: "_Run") -> ObservedMesh | None:
        is_read = run.policies and run.policies.depends_on_mesh and not self.deadline.is_over
        return observe(model, run.objects) if is_read else None

    def _model(self, run: "_Run") -> ModelObjects:
        # With policies off, the mesh is not read.
        needs_services = run.reads_mesh and self.desired.mode is not PolicyMode.off
        try:
            client = kubernetes_client(self.owner.model, self.owner.app, self.deadline)
        except kubernetes_errors() as error:
            raise KubernetesUnavailableError(f"cannot reach Kubernetes: {error}") from None
        return ModelObjects(client, self.owner, needs_services)

    def _steps(self, run: "_Run") -> Iterator[Step]:
        desired, deadline = self.desired, self.deadline
        waypoint = WaypointStep(self.waypoint, desired.replicas, desired.ready_timeout, deadline)
        policies = PolicyStep(self.owner, self.waypoint.name, desired, deadline, self.root_namespaces)
        namespace = NamespaceStep(
            label_value(self.owner.mark),
            self.waypoint.mesh_labels,
            desired.model_on_mesh,
            self._members,
        )
        if not desired.replicas:
            # The mesh stops using the waypoint before it is removed. The beacon's own pods and Service are
            # left alone: Juju takes back no pod that is replaced while its application is removed.
            yield from (
                namespace,
                UnboundServicesStep(namespace, leaves_alone=self.owner.app),
                policies,
                waypoint,
                OwnRecordStep(self.owner),
            )
            return
        yield waypoint
        own_labels = OwnLabelsStep(
            self.owner, {} if desired.model_on_mesh else self.waypoint.mesh_labels, deadline
        )
        # No pod leaves the mesh meanwhile: the namespace loses its labels once pods have their own, and pods
        # lose theirs once the namespace has them.
        if not desired.model_on_mesh:
            yield namespace
            if run.stays_for:
                yield from (own_labels, namespace)
            if run.has_left:
                yield UnboundServicesStep(namespace)
        yield replace(policies, keeps_model_operator=bool(run.stays_for) or namespace in run.failed)
        if desired.model_on_mesh:
            if (run.reads_mesh or run.changed) and run.policies and run.policies.is_listed:
                yield UnboundServicesStep(namespace, run.objects)
            yield namespace
        # Last, because they may restart the pod that this runs in.
        if not (desired.model_on_mesh and namespace in run.failed):
            yield own_labels

    @property
    def _members(self) -> Collection[str]:
        """The applications whose pods stay in the mesh when the model leaves it; none if the beacon goes."""
        if not self.desired.replicas:
            return ()
        return {self.owner.app, *(request.relation.app.name for request in self.desired.requests)}


@dataclass
class _Run:
    """The results of the steps so far."""

    app: str
    deadline: Deadline
    reads_mesh: bool = True
    """True to read the objects of others, also if nothing was written."""
    problems: list[Problem] = field(default_factory=list[Problem])
    changed: bool = False
    """True if something was written."""
    objects: list[Resource] = field(default_factory=list[Resource])
    """The objects that the steps know."""
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

    def add(self, result: StepResult) -> None:
        """Add the result of a step."""
        self.problems += result.problems
        self.changed |= result.changed
        self.objects += result.objects
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

    @property
    def has_labelled_namespace(self) -> bool:
        """Return whether the labels of the namespace are known to be as desired."""
        return not self.is_unavailable and not any(isinstance(step, NamespaceStep) for step in self.failed)

    def shown(self, mesh: ObservedMesh | None) -> tuple[list[Problem], list[str]]:
        """Return all problems but those that follow from a problem of the waypoint, and the summary."""
        problems, summary = list(self.problems), list[str]()
        if self.stays_for:
            apps = first_names(self.stays_for)
            problems.append(
                waiting(f"namespace stays in the mesh: pods of {apps} have no labels of their own yet")
            )
        if self.policies:
            problems += self.policies.problems(mesh or NOTHING_KNOWN)
            summary = self.policies.summary(mesh or NOTHING_KNOWN)
        kinds = {problem.kind for problem in problems}
        if not kinds.isdisjoint((ProblemKind.waypoint, ProblemKind.work_on_waypoint)):
            problems = [problem for problem in problems if problem.kind is not ProblemKind.enforcement]
        return problems, summary
